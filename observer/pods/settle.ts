// SPDX-License-Identifier: Apache-2.0
// The steps between the phases of a pod's life, and which of them the facts ask for. Pure.

import type { Effect } from './effect.ts'
import type { Phase, PodState, Verdict } from './state.ts'

export interface Step {
  readonly state: PodState
  readonly effects: readonly Effect[]
}

export interface Circumstances {
  /** Unix milliseconds. */
  readonly now: number
  /** Pods found running at start are held as new ones are. */
  readonly strict: boolean
}

export function enter(state: PodState, phase: Phase, { now }: Circumstances): PodState {
  return state.phase === phase ? state : { ...state, phase, since: now }
}

export function inFlight(state: PodState): boolean {
  return ['held', 'joining', 'failed', 'enrolled', 'verified'].includes(state.phase)
}

/** What follows from the facts, whichever of them came last. */
export function settle(state: PodState, circumstances: Circumstances): Step {
  if (state.cgroup === undefined || state.membership === undefined) return { state, effects: [] }
  return state.membership.decision === 'in' ? settleIn(state, circumstances) : settleOut(state, circumstances)
}

function settleIn(state: PodState, circumstances: Circumstances): Step {
  if (inFlight(state)) return { state, effects: [] }
  if (state.verdict === 'steer') return enrol(enter(state, 'enrolled', circumstances))
  const hold = holdsUntilEnrolled(state, circumstances)
  const verdict: Verdict = hold ? 'held' : 'pass'
  const next = enter({ ...state, verdict }, hold ? 'held' : 'joining', circumstances)
  return after([{ do: 'judge', verdict }], enrol(next))
}

/** A running pod keeps its traffic until it is steered; a new one has had none. */
function holdsUntilEnrolled(state: PodState, { strict }: Circumstances): boolean {
  if (state.membership?.neverHeld === true) return false
  return state.verdict === 'unknown' || state.verdict === 'held' || (strict && state.verdict === 'none')
}

export function enrol(state: PodState): Step {
  if (state.netns === undefined) return locate(state)
  const epoch = state.epoch + 1
  return { state: { ...state, epoch, prepared: true }, effects: [{ do: 'enrol', epoch }] }
}

export function locate(state: PodState): Step {
  const epoch = state.epoch + 1
  return { state: { ...state, epoch }, effects: [{ do: 'locate', epoch }] }
}

export function after(effects: readonly Effect[], { state, effects: following }: Step): Step {
  return { state, effects: [...effects, ...following] }
}

function settleOut(state: PodState, circumstances: Circumstances): Step {
  if (state.phase === 'leaving') return { state, effects: [] }
  if (mustLeave(state)) return leave(state, circumstances)
  const verdict: Verdict = state.membership?.decision === 'observed' ? 'observe' : 'pass'
  if (state.phase === 'outside' && state.verdict === verdict) return { state, effects: [] }
  const next = enter({ ...state, verdict }, 'outside', circumstances)
  const judge: Effect = { do: 'judge', verdict }
  const message = state.membership?.reason ?? ''
  if (verdict === 'observe')
    return after([judge, { do: 'announce', what: 'observed', message }], locate(next))
  return state.netns === undefined ? after([judge], locate(next)) : { state: next, effects: [judge] }
}

function mustLeave(state: PodState): boolean {
  return inFlight(state) || state.verdict === 'steer' || state.prepared
}

export function leave(state: PodState, circumstances: Circumstances): Step {
  const epoch = state.epoch + 1
  const next: PodState = {
    ...enter(state, 'leaving', circumstances),
    verdict: 'pass',
    epoch,
    attempts: 0,
    lastError: undefined,
    conditions: []
  }
  return { state: next, effects: [{ do: 'leave', epoch }] }
}

export function leaveAgain(state: PodState): Step {
  const epoch = state.epoch + 1
  return { state: { ...state, epoch }, effects: [{ do: 'leave', epoch }] }
}

export function forget(state: PodState, circumstances: Circumstances): Step {
  const { epoch, cgroup, netns } = state
  const next: PodState = {
    ...enter(state, 'known', circumstances),
    verdict: 'none',
    prepared: false,
    epoch: epoch + 1,
    attempts: 0,
    lastError: undefined,
    conditions: []
  }
  return { state: next, effects: [{ do: 'forget', cgroup: cgroup?.id, netns }] }
}
