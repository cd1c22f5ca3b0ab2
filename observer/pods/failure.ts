// SPDX-License-Identifier: Apache-2.0
// What follows when the pod could not enter the mesh, or not leave it.

import type { Effect } from './effect.ts'
import type { Step } from './settle.ts'
import type { PodState } from './state.ts'

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000

/** Announced once, tried again ever more seldom. */
export function failed(state: PodState, error: string): Step {
  const delayMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** state.attempts)
  const what = state.phase === 'leaving' ? 'stays' : 'failed'
  const news: readonly Effect[] = state.lastError === error ? [] : [{ do: 'announce', what, message: error }]
  return {
    state: { ...state, lastError: error, attempts: state.attempts + 1 },
    effects: [...news, { do: 'retry-later', delayMs, epoch: state.epoch }]
  }
}
