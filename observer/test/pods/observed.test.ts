// SPDX-License-Identifier: Apache-2.0
// The state machine under an agent that observes: what would be in the mesh passes, and is told apart.

import { describe, expect, it } from 'vitest'
import { observed } from '../../membership/observed.ts'
import type { Input } from '../../pods/effect.ts'
import { step } from '../../pods/machine.ts'
import type { PodState, Verdict } from '../../pods/state.ts'
import { cgroup, LENIENT, membership, NETNS, pod, podState, STRICT } from './pods.ts'

const JUDGED: Input = { kind: 'judged', pod: pod(), membership: membership('observed') }

function outcome(state: PodState, input: Input, circumstances = LENIENT): string {
  const { state: next, effects } = step(state, input, circumstances)
  const told = effects.map((effect) => (effect.do === 'judge' ? `judge ${effect.verdict}` : effect.do))
  return `${next.phase} ${next.verdict}: ${told.join(', ')}`.trim()
}

const found = (verdict: Verdict) => podState({ cgroup: cgroup(), verdict, netns: NETNS })
const watched = podState({
  phase: 'outside',
  verdict: 'observe',
  pod: pod(),
  membership: membership('observed'),
  cgroup: cgroup(),
  epoch: 7
})

describe('a pod that would be in the mesh', () => {
  it.each<[Verdict]>([['none'], ['unknown'], ['held'], ['pass']])('passes when it was %s', (verdict) => {
    const expected = 'outside observe: judge observe, announce, locate'
    expect(outcome(found(verdict), JUDGED)).toBe(expected)
    expect(outcome(found(verdict), JUDGED, STRICT)).toBe(expected)
  })

  it('leaves first when it was steered, and passes then', () => {
    expect(outcome(found('steer'), JUDGED)).toBe('leaving pass: leave')
    const leaving = podState({ ...watched, phase: 'leaving', verdict: 'pass', netns: NETNS, prepared: true })
    expect(outcome(leaving, { kind: 'left', epoch: 7 })).toBe(
      'outside observe: announce, judge observe, announce, locate'
    )
  })

  it('is told once', () => {
    expect(outcome(watched, JUDGED)).toBe('outside observe:')
  })

  it('has its addresses written when its namespace is open', () => {
    expect(outcome(watched, { kind: 'netns-seen', netns: NETNS })).toBe('outside observe: locate')
    const located: Input = { kind: 'located', netns: NETNS, epoch: 7 }
    expect(outcome(watched, located)).toBe('outside observe: judge observe')
    expect(outcome({ ...watched, netns: NETNS }, located)).toBe('outside observe: judge observe')
  })

  it('is like any other when nothing asks for the mesh any more, or again', () => {
    const out: Input = { kind: 'judged', pod: pod(), membership: membership('out') }
    expect(outcome({ ...watched, netns: NETNS }, out)).toBe('outside pass: judge pass')
    const outside = podState({ ...watched, verdict: 'pass', netns: NETNS, membership: membership('out') })
    expect(outcome(outside, JUDGED)).toBe('outside observe: judge observe, announce, locate')
  })

  it('joins as a running pod does when the next agent steers', () => {
    const input: Input = { kind: 'judged', pod: pod(), membership: membership('in') }
    expect(outcome(found('observe'), input)).toBe('joining pass: judge pass, enrol')
  })
})

it.each(['in', 'out', 'unsupported'] as const)(
  'a decision %s is told apart only where it is in',
  (decision) => {
    const judged = membership(decision)
    expect(observed(judged)).toEqual({ ...judged, decision: decision === 'in' ? 'observed' : decision })
  }
)
