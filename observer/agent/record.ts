// SPDX-License-Identifier: Apache-2.0

import type { PodRecord } from '#contract'
import { shownState } from '../control/report.ts'
import type { PodState } from '../pods/state.ts'

/** What outlives the agent of a pod's name and state. */
export function recordOf(state: PodState): PodRecord {
  return {
    uid: state.uid,
    namespace: state.pod?.namespace ?? '',
    name: state.pod?.name ?? '',
    state: shownState(state),
    reason: state.lastError ?? state.membership?.reason ?? '',
    since: BigInt(state.since)
  }
}
