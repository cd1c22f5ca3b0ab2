// SPDX-License-Identifier: Apache-2.0

import type { Membership } from './membership.ts'
import { NO_TRAITS } from './traits.ts'

/** What becomes of every pod when Sluice is uninstalled. */
export const RETIRED: Membership = {
  decision: 'out',
  decidedBy: 'uninstall',
  reason: 'Sluice is uninstalled',
  warnings: [],
  traits: NO_TRAITS,
  neverHeld: false
}
