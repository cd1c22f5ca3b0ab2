// SPDX-License-Identifier: Apache-2.0
// A pod's life as a pure function. Every fact about the pod comes in as an input; what is to be done comes
// out as effects, in order. The kernel holds a new pod before this code has heard of it, so no step here
// may let a pod's connections pass that was not judged.

import type { Effect, Input } from './effect.ts'
import { podRef } from './pod.ts'
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

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5_000

export function step(state: PodState, input: Input, circumstances: Circumstances): Step {
  if ('epoch' in input && input.epoch !== state.epoch) return { state, effects: [] }
  switch (input.kind) {
    case 'judged':
      return judged(state, input, circumstances)
    case 'unlisted':
      return unlisted(state, circumstances)
    case 'cgroup-found':
      return cgroupFound(state, input, circumstances)
    case 'cgroup-gone':
      return cgroupGone(state, circumstances)
    case 'netns-seen':
      return netnsSeen(state, input.netns, circumstances)
    case 'located':
      return located(state, input.netns, circumstances)
    case 'enrolled':
      return enrolled(state, circumstances)
    case 'enrol-failed':
      return enrolFailed(state, input.error, circumstances)
    case 'left':
      return left(state, circumstances)
    case 'retry':
      return retry(state, circumstances)
    case 'verified':
      return { state: state.phase === 'enrolled' ? enter(state, 'verified', circumstances) : state, effects: [] }
    case 'overdue':
      return overdue(state)
  }
}

function enter(state: PodState, phase: Phase, { now }: Circumstances): PodState {
  return state.phase === phase ? state : { ...state, phase, since: now }
}

function inFlight(state: PodState): boolean {
  return ['held', 'joining', 'failed', 'enrolled', 'verified'].includes(state.phase)
}

/** What follows from the facts, whichever of them came last. */
function settle(state: PodState, circumstances: Circumstances): Step {
  if (state.cgroup === undefined || state.membership === undefined) return { state, effects: [] }
  return state.membership.decision === 'in' ? settleIn(state, circumstances) : settleOut(state, circumstances)
}

function settleIn(state: PodState, circumstances: Circumstances): Step {
  if (inFlight(state)) return { state, effects: [] }
  if (state.verdict === 'steer') return enrol(enter(state, 'enrolled', circumstances))
  const hold = holdsUntilEnrolled(state, circumstances)
  const verdict: Verdict = hold ? 'held' : 'pass'
  const next = enter({ ...state, verdict }, hold ? 'held' : 'joining', circumstances)
  const { state: enrolling, effects } = enrol(next)
  return { state: enrolling, effects: [{ do: 'judge', verdict }, ...effects] }
}

/** A running pod keeps its traffic until it is steered; a new one has had none. */
function holdsUntilEnrolled(state: PodState, { strict }: Circumstances): boolean {
  return state.verdict === 'unknown' || state.verdict === 'held' || (strict && state.verdict === 'none')
}

function enrol(state: PodState): Step {
  const epoch = state.epoch + 1
  if (state.netns === undefined) return { state: { ...state, epoch }, effects: [{ do: 'locate', epoch }] }
  return { state: { ...state, epoch, prepared: true }, effects: [{ do: 'enrol', epoch }] }
}

function settleOut(state: PodState, circumstances: Circumstances): Step {
  if (state.phase === 'leaving') return { state, effects: [] }
  if (mustLeave(state)) return leave(state, circumstances)
  if (state.phase === 'outside' && state.verdict === 'pass') return { state, effects: [] }
  const next = enter({ ...state, verdict: 'pass' }, 'outside', circumstances)
  if (state.netns !== undefined) return { state: next, effects: [{ do: 'judge', verdict: 'pass' }] }
  const epoch = state.epoch + 1
  return {
    state: { ...next, epoch },
    effects: [
      { do: 'judge', verdict: 'pass' },
      { do: 'locate', epoch }
    ]
  }
}

function mustLeave(state: PodState): boolean {
  return inFlight(state) || state.verdict === 'steer' || state.prepared
}

function leave(state: PodState, circumstances: Circumstances): Step {
  const epoch = state.epoch + 1
  const next: PodState = { ...enter(state, 'leaving', circumstances), verdict: 'pass', epoch, lastError: undefined }
  return { state: next, effects: [{ do: 'leave', epoch }] }
}

function judged(
  state: PodState,
  { pod, membership }: Extract<Input, { kind: 'judged' }>,
  circumstances: Circumstances
): Step {
  const fresh = membership.warnings.filter(
    (warning) => !state.membership?.warnings.some((told) => told.message === warning.message)
  )
  const warnings = fresh.map(
    ({ message }): Effect => ({ do: 'announce', what: 'warning', message: `${podRef(pod)}: ${message}` })
  )
  const { state: next, effects } = settle({ ...state, pod, membership }, circumstances)
  return { state: next, effects: [...warnings, ...effects] }
}

function unlisted(state: PodState, circumstances: Circumstances): Step {
  const next: PodState = { ...state, membership: undefined }
  if (mustLeave(state)) return leave(next, circumstances)
  if (state.phase === 'leaving') return { state: next, effects: [] }
  return forget({ ...next, pod: undefined }, circumstances)
}

function forget(state: PodState, circumstances: Circumstances): Step {
  const { epoch, cgroup, netns } = state
  const next: PodState = {
    ...enter(state, 'known', circumstances),
    verdict: 'none',
    prepared: false,
    epoch: epoch + 1,
    attempts: 0
  }
  return { state: next, effects: [{ do: 'forget', cgroup: cgroup?.id, netns }] }
}

function cgroupFound(
  state: PodState,
  { cgroup, verdict, netns, prepared }: Extract<Input, { kind: 'cgroup-found' }>,
  circumstances: Circumstances
): Step {
  if (state.cgroup?.id === cgroup.id) return rescanned(state)
  /* A cgroup of the same name: the pod was made again before its former cgroup was heard to go. */
  const former: readonly Effect[] =
    state.cgroup === undefined ? [] : [{ do: 'forget', cgroup: state.cgroup.id, netns: state.netns }]
  const epoch = state.epoch + 1
  const known = { ...enter(state, 'known', circumstances), attempts: 0, lastError: undefined }
  const next: PodState = { ...known, cgroup, verdict, netns, prepared, epoch }
  const unjudged = state.membership === undefined
  if (unjudged && circumstances.strict && verdict === 'none') {
    const held: PodState = { ...next, verdict: 'unknown' }
    return { state: held, effects: [...former, { do: 'judge', verdict: 'unknown' }, { do: 'watch-hold', epoch }] }
  }
  const watch: readonly Effect[] = unjudged && verdict === 'unknown' ? [{ do: 'watch-hold', epoch }] : []
  const { state: settled, effects } = settle(next, circumstances)
  return { state: settled, effects: [...former, ...watch, ...effects] }
}

/** A scan meets the pod again: what an event should have told is looked for. */
function rescanned(state: PodState): Step {
  if (state.netns !== undefined || state.membership === undefined || state.phase === 'leaving') {
    return { state, effects: [] }
  }
  const epoch = state.epoch + 1
  return { state: { ...state, epoch }, effects: [{ do: 'locate', epoch }] }
}

function cgroupGone(state: PodState, circumstances: Circumstances): Step {
  if (state.cgroup === undefined) return { state, effects: [] }
  const { state: next, effects } = forget(state, circumstances)
  return { state: { ...next, cgroup: undefined, netns: undefined, lastError: undefined }, effects }
}

function netnsSeen(state: PodState, netns: bigint, circumstances: Circumstances): Step {
  if (state.cgroup === undefined || state.netns === netns) return { state, effects: [] }
  if (state.netns !== undefined) {
    /* A new sandbox, or a namespace that the pod made itself: its processes tell. */
    return state.phase === 'leaving' ? { state, effects: [] } : relocate(state)
  }
  return adoptNetns(state, netns, circumstances)
}

function relocate(state: PodState): Step {
  const epoch = state.epoch + 1
  return { state: { ...state, epoch }, effects: [{ do: 'locate', epoch }] }
}

function located(state: PodState, netns: bigint | undefined, circumstances: Circumstances): Step {
  if (netns === undefined) return { state, effects: [] }
  if (netns === state.netns) {
    const waits = ['held', 'joining', 'failed'].includes(state.phase)
    return waits ? enrol(state) : { state, effects: [] }
  }
  return adoptNetns(state, netns, circumstances)
}

function adoptNetns(state: PodState, netns: bigint, circumstances: Circumstances): Step {
  const next: PodState = { ...state, netns }
  switch (state.phase) {
    case 'outside':
      return { state: next, effects: [{ do: 'judge', verdict: 'pass' }] }
    case 'held':
    case 'joining':
    case 'failed':
      return enrol(next)
    case 'enrolled':
    case 'verified': {
      /* The sandbox was made again: nothing of the former namespace serves the new one. */
      const { state: enrolling, effects } = enrol(enter({ ...next, verdict: 'held' }, 'held', circumstances))
      return { state: enrolling, effects: [{ do: 'judge', verdict: 'held' }, ...effects] }
    }
    case 'known':
    case 'leaving':
      return { state: next, effects: [] }
  }
}

function enrolled(state: PodState, circumstances: Circumstances): Step {
  const next: PodState = {
    ...enter(state, state.phase === 'verified' ? 'verified' : 'enrolled', circumstances),
    verdict: 'steer',
    lastError: undefined,
    attempts: 0
  }
  const again = state.verdict === 'steer'
  const joined: Effect = { do: 'announce', what: 'joined', message: 'traffic is carried by ztunnel' }
  return { state: next, effects: again ? [] : [joined] }
}

function enrolFailed(state: PodState, error: string, circumstances: Circumstances): Step {
  const attempts = state.attempts + 1
  const delayMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** state.attempts)
  const phase: Phase = state.verdict === 'steer' ? state.phase : 'failed'
  const next: PodState = { ...enter(state, phase, circumstances), lastError: error, attempts }
  const news: readonly Effect[] = state.lastError === error ? [] : [{ do: 'announce', what: 'failed', message: error }]
  return { state: next, effects: [...news, { do: 'retry-later', delayMs, epoch: state.epoch }] }
}

function retry(state: PodState, circumstances: Circumstances): Step {
  if (state.membership?.decision !== 'in' || state.cgroup === undefined) return { state, effects: [] }
  if (state.verdict === 'steer') return enrol(state)
  const next = enter(state, state.verdict === 'held' ? 'held' : 'joining', circumstances)
  return relocate(next)
}

function left(state: PodState, circumstances: Circumstances): Step {
  if (state.membership === undefined) return forget({ ...state, pod: undefined }, circumstances)
  const reason = state.membership.reason
  const next = enter({ ...state, prepared: false }, 'outside', circumstances)
  const { state: settled, effects } = settle(next, circumstances)
  return { state: settled, effects: [{ do: 'announce', what: 'left', message: reason }, ...effects] }
}

function overdue(state: PodState): Step {
  if (state.membership !== undefined || state.cgroup === undefined) return { state, effects: [] }
  const message = 'no source has named this pod: its connections are refused until one does'
  return { state, effects: [{ do: 'announce', what: 'unjudged', message }] }
}
