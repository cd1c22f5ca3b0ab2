// SPDX-License-Identifier: Apache-2.0
// Workloads that the tests of this folder offer.

import type { Offer, Workload } from '../../ztunnel/workload.ts'

export function workload(uid: string, netnsFd = 3): Workload {
  return { uid, name: `name-${uid}`, namespace: 'default', serviceAccount: 'sa', netnsFd }
}

export function offerOf(uid: string, netns = `netns-of-${uid}`): Offer {
  return { ...workload(uid), netns }
}
