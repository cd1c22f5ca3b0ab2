// SPDX-License-Identifier: Apache-2.0
// What the operator is told of a pod, in the log.

import type { Logger } from 'pino'
import type { Announcement, Effect } from '../pods/effect.ts'
import { podRef } from '../pods/pod.ts'
import type { PodState } from '../pods/state.ts'

const SENTENCES = {
  joined: 'pod joined the mesh',
  left: 'pod left the mesh',
  failed: 'pod could not be enrolled',
  stays: 'pod could not leave the mesh altogether',
  unjudged: 'pod is held and no source names it',
  conflict: 'pod is marked inconsistently',
  'invalid-value': 'pod is marked with a value that is none',
  'opt-out-not-allowed': 'pod may not leave the mesh by itself',
  'not-supported': 'pod asks for something that is not supported',
  observed: 'pod would be steered',
  unsupported: 'pod cannot be steered',
  condition: 'pod is steered, and something is not as it should be'
} as const satisfies Record<Announcement, string>

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
