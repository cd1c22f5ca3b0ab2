// SPDX-License-Identifier: Apache-2.0
// What the operator is told of a pod, in the log.

import type { Logger } from 'pino'
import type { Effect } from '../pods/effect.ts'
import { podRef } from '../pods/pod.ts'
import type { PodState } from '../pods/state.ts'

const SENTENCES = {
  joined: 'pod joined the mesh',
  left: 'pod left the mesh',
  failed: 'pod could not be enrolled',
  stays: 'pod could not leave the mesh altogether',
  unjudged: 'pod is held and no source names it',
  warning: 'pod is marked inconsistently',
  observed: 'pod would be steered',
  unsupported: 'pod cannot be steered',
  condition: 'pod is steered, and something is not as it should be'
} as const

export function announce(
  { what, message }: Extract<Effect, { do: 'announce' }>,
  state: PodState,
  log: Pick<Logger, 'info' | 'warn'>
): void {
  const level = ['joined', 'left', 'observed'].includes(what) ? 'info' : 'warn'
  log[level]({ ...fields(state), event: what, reason: message }, SENTENCES[what])
}

/** Which pod a line of the log is about. */
export function fields({ uid, pod, cgroup }: PodState) {
  return { pod: pod === undefined ? undefined : podRef(pod), uid, cgroup: cgroup?.path }
}
