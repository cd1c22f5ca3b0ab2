// SPDX-License-Identifier: Apache-2.0

import type { Membership } from './membership.ts'

/** What an agent that steers nothing makes of a decision: who would be in the mesh is looked at. */
export function observed(membership: Membership): Membership {
  return membership.decision === 'in' ? { ...membership, decision: 'observed' } : membership
}
