// SPDX-License-Identifier: Apache-2.0
// A pod's life as a pure function. Every fact about the pod comes in as an input; what is to be done comes
// out as effects, in order. The kernel holds a new pod before this code has heard of it, so no step here
// may let a pod's connections pass that was not judged.

import type { Membership } from '../membership/membership.ts'
import { RETIRED } from '../membership/retired.ts'
import { sameTraits } from '../membership/traits.ts'
import type { Effect, Input } from './effect.ts'
import { failed } from './failure.ts'
import { inspected } from './inspected.ts'
import { podRef } from './pod.ts'
import {
  after,
  type Circumstances,
  enrol,
  enter,
  forget,
  inFlight,
  leaveAgain,
  locate,
  type Step,
  settle
} from './settle.ts'
import type { Phase, PodState } from './state.ts'

export function step(state: PodState, input: Input, circumstances: Circumstances): Step {
  if ('epoch' in input && input.epoch !== state.epoch) return { state, effects: [] }
  switch (input.kind) {
    case 'judged':
      return judged(state, input, circumstances)
    case 'retired':
      return settle({ ...state, membership: RETIRED }, circumstances)
    case 'unlisted':
      return unlisted(state)
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
      return enrolFailed(state, input, circumstances)
    case 'left':
      return left(state, circumstances)
    case 'leave-failed':
      return state.phase === 'leaving' ? failed(state, input.error) : { state, effects: [] }
    case 'retry':
      return retry(state, circumstances)
    case 'verified':
      return {
        state: state.phase === 'enrolled' ? enter(state, 'verified', circumstances) : state,
        effects: []
      }
    case 'inspected':
      return inspected(state, input.conditions)
    case 'overdue':
      return overdue(state)
  }
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
    ({ kind, message }): Effect => ({ do: 'announce', what: kind, message: `${podRef(pod)}: ${message}` })
  )
  const next: PodState = { ...state, pod, membership, listed: true }
  const told = [...warnings, ...unsupported(state, membership)]
  return after(told, isRecaptured(state, membership) ? locate(next) : settle(next, circumstances))
}

function unsupported({ membership: former }: PodState, { decision, reason }: Membership): Effect[] {
  if (decision !== 'unsupported' || former?.decision === decision) return []
  return [{ do: 'announce', what: 'unsupported', message: reason }]
}

/**
 * A pod of the mesh wants to be captured otherwise: enrolling again changes that, and nothing pauses. What is under
 * way for it began with the former wish, and is called off.
 */
function isRecaptured(state: PodState, membership: Membership): boolean {
  const { membership: former } = state
  const stays = inFlight(state) && former?.decision === 'in' && membership.decision === 'in'
  return stays && !sameTraits(former.traits, membership.traits)
}

/**
 * Nobody has asked the pod to leave: its processes may live on for their grace period, and go on as they are until
 * their cgroup is gone.
 */
function unlisted(state: PodState): Step {
  const next: PodState = { ...state, listed: false }
  return { state: state.cgroup === undefined ? forgotten(next) : next, effects: [] }
}

function forgotten(state: PodState): PodState {
  return state.listed ? state : { ...state, pod: undefined, membership: undefined }
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
  const known = { ...enter(forgotten(state), 'known', circumstances), attempts: 0, lastError: undefined }
  const next: PodState = { ...known, cgroup, verdict, netns, prepared, epoch }
  const unjudged = next.membership === undefined
  if (unjudged && circumstances.strict && verdict === 'none') {
    const held: PodState = { ...next, verdict: 'unknown' }
    return {
      state: held,
      effects: [...former, { do: 'judge', verdict: 'unknown' }, { do: 'watch-hold', epoch }]
    }
  }
  const holds = verdict === 'unknown' || verdict === 'held'
  const watch: readonly Effect[] = unjudged && holds ? [{ do: 'watch-hold', epoch }] : []
  return after([...former, ...watch], settle(next, circumstances))
}

/** A scan meets the pod again: what an event should have told is looked for. */
function rescanned(state: PodState): Step {
  if (state.netns !== undefined || state.membership === undefined || state.phase === 'leaving') {
    return { state, effects: [] }
  }
  return locate(state)
}

function cgroupGone(state: PodState, circumstances: Circumstances): Step {
  if (state.cgroup === undefined) return { state, effects: [] }
  const { state: next, effects } = forget(state, circumstances)
  return { state: forgotten({ ...next, cgroup: undefined, netns: undefined }), effects }
}

function netnsSeen(state: PodState, netns: bigint, circumstances: Circumstances): Step {
  if (state.cgroup === undefined || state.netns === netns) return { state, effects: [] }
  if (state.netns !== undefined) {
    /* A new sandbox, or a namespace that the pod made itself: its processes tell. */
    return state.phase === 'leaving' ? { state, effects: [] } : locate(state)
  }
  return state.verdict === 'observe' ? locate(state) : adoptNetns(state, netns, circumstances)
}

function located(state: PodState, netns: bigint | undefined, circumstances: Circumstances): Step {
  if (netns === undefined) return vanished(state, circumstances)
  if (netns === state.netns) return found(state)
  return adoptNetns(state, netns, circumstances)
}

/** The namespace is open now: what is steered is enrolled, what is observed gets its addresses into the maps. */
function found(state: PodState): Step {
  if (inFlight(state)) return enrol(state)
  return { state, effects: state.verdict === 'observe' ? [{ do: 'judge', verdict: 'observe' }] : [] }
}

/** No process is in the pod's namespace any more: the next one tells of it as of a new one. */
function vanished(state: PodState, circumstances: Circumstances): Step {
  if (!inFlight(state)) return { state, effects: [] }
  const verdict = state.verdict === 'pass' ? 'pass' : 'held'
  const waiting = enter(state, verdict === 'pass' ? 'joining' : 'held', circumstances)
  if (state.netns === undefined) return { state: waiting, effects: [] }
  const next: PodState = { ...waiting, verdict, netns: undefined, prepared: false }
  return { state: next, effects: [leaveBehind(state), { do: 'judge', verdict }] }
}

/** Drops what the kernel holds of the pod's former namespace. */
function leaveBehind({ netns }: PodState): Effect {
  return { do: 'forget', cgroup: undefined, netns }
}

function adoptNetns(state: PodState, netns: bigint, circumstances: Circumstances): Step {
  const next: PodState = { ...state, netns }
  const former: readonly Effect[] = state.netns === undefined ? [] : [leaveBehind(state)]
  switch (state.phase) {
    case 'outside':
      return { state: next, effects: [...former, { do: 'judge', verdict: state.verdict }] }
    case 'held':
    case 'joining':
    case 'failed':
      return after(former, enrol(next))
    case 'enrolled':
    case 'verified': {
      /* The sandbox was made again: nothing of the former namespace serves the new one. */
      const held = enter({ ...next, verdict: 'held' }, 'held', circumstances)
      return after([...former, { do: 'judge', verdict: 'held' }], enrol(held))
    }
    case 'known':
    case 'leaving':
      return { state: next, effects: [] }
  }
}

function enrolled(state: PodState, circumstances: Circumstances): Step {
  if (!inFlight(state)) return { state, effects: [] }
  const next: PodState = {
    ...enter(state, state.phase === 'verified' ? 'verified' : 'enrolled', circumstances),
    verdict: 'steer',
    lastError: undefined,
    capturedByIstio: false,
    attempts: 0
  }
  const again = state.verdict === 'steer'
  const joined: Effect = { do: 'announce', what: 'joined', message: 'traffic is carried by ztunnel' }
  return { state: next, effects: again ? [] : [joined] }
}

function enrolFailed(
  state: PodState,
  { error, capturedByIstio = false }: Extract<Input, { kind: 'enrol-failed' }>,
  circumstances: Circumstances
): Step {
  if (!inFlight(state)) return { state, effects: [] }
  const phase: Phase = state.verdict === 'steer' ? state.phase : 'failed'
  return failed(enter({ ...state, capturedByIstio }, phase, circumstances), error)
}

function retry(state: PodState, circumstances: Circumstances): Step {
  if (state.phase === 'leaving') return leaveAgain(state)
  if (state.membership?.decision !== 'in' || state.cgroup === undefined) return { state, effects: [] }
  const again: Phase = state.verdict === 'held' ? 'held' : 'joining'
  return locate(state.verdict === 'steer' ? state : enter(state, again, circumstances))
}

function left(state: PodState, circumstances: Circumstances): Step {
  if (state.phase !== 'leaving') return { state, effects: [] }
  const ended = { ...state, prepared: false, attempts: 0, lastError: undefined }
  const next = enter(ended, 'known', circumstances)
  const message = state.membership?.reason ?? 'nobody names it'
  return after([{ do: 'announce', what: 'left', message }], settle(next, circumstances))
}

function overdue(state: PodState): Step {
  if (state.membership !== undefined || state.cgroup === undefined) return { state, effects: [] }
  const message = 'no source has named this pod: its connections are refused until one does'
  return { state, effects: [{ do: 'announce', what: 'unjudged', message }] }
}
