// SPDX-License-Identifier: Apache-2.0
// A pod in each phase, everything that may happen to it, and what then became of it in a few words.

import { NO_TRAITS } from '../../membership/traits.ts'
import type { Effect, Input } from '../../pods/effect.ts'
import type { Phase, PodState, Verdict } from '../../pods/state.ts'
import { cgroup, membership, NETNS, pod, podState } from './pods.ts'

export const EPOCH = 7
const OTHER = 5000n
const VERDICTS: Record<Phase, Verdict> = {
  known: 'none',
  outside: 'pass',
  held: 'held',
  joining: 'pass',
  enrolled: 'steer',
  verified: 'steer',
  leaving: 'pass',
  failed: 'held'
}

export function inPhase(phase: Phase): PodState {
  const decision = phase === 'outside' || phase === 'leaving' ? 'out' : 'in'
  return podState({
    phase,
    verdict: VERDICTS[phase],
    pod: pod(),
    membership: membership(decision),
    cgroup: phase === 'known' ? undefined : cgroup(),
    netns: phase === 'known' ? undefined : NETNS,
    prepared: phase !== 'known' && phase !== 'outside',
    lastError: phase === 'failed' ? 'nack' : undefined,
    attempts: phase === 'failed' ? 1 : 0,
    epoch: EPOCH
  })
}

export const PHASES = Object.keys(VERDICTS) as Phase[]

export const INPUTS = {
  'judged in': { kind: 'judged', pod: pod(), membership: membership('in') },
  'judged in otherwise': {
    kind: 'judged',
    pod: pod(),
    membership: membership('in', { traits: { ...NO_TRAITS, bypassInbound: true } })
  },
  'judged out': { kind: 'judged', pod: pod(), membership: membership('out') },
  'judged unsupported': { kind: 'judged', pod: pod(), membership: membership('unsupported') },
  retired: { kind: 'retired' },
  unlisted: { kind: 'unlisted' },
  'cgroup found': {
    kind: 'cgroup-found',
    cgroup: cgroup(),
    verdict: 'unknown',
    netns: undefined,
    prepared: false
  },
  'cgroup made again': {
    kind: 'cgroup-found',
    cgroup: cgroup(102n),
    verdict: 'unknown',
    netns: undefined,
    prepared: false
  },
  'cgroup gone': { kind: 'cgroup-gone' },
  'netns seen': { kind: 'netns-seen', netns: NETNS },
  'another netns seen': { kind: 'netns-seen', netns: OTHER },
  located: { kind: 'located', netns: NETNS, epoch: EPOCH },
  'located elsewhere': { kind: 'located', netns: OTHER, epoch: EPOCH },
  'located nowhere': { kind: 'located', netns: undefined, epoch: EPOCH },
  enrolled: { kind: 'enrolled', epoch: EPOCH },
  'enrol failed': { kind: 'enrol-failed', error: 'no ack', epoch: EPOCH },
  left: { kind: 'left', epoch: EPOCH },
  'leave failed': { kind: 'leave-failed', error: 'EROFS', epoch: EPOCH },
  retry: { kind: 'retry', epoch: EPOCH },
  verified: { kind: 'verified' },
  overdue: { kind: 'overdue', epoch: EPOCH }
} as const satisfies Record<string, Input>

export function told(state: PodState, effects: readonly Effect[]): string {
  return `${state.phase} ${state.verdict}: ${effects.map((effect) => effect.do).join(' ')}`.trim()
}
