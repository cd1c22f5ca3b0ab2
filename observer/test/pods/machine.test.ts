// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import type { WarningKind } from '../../membership/membership.ts'
import type { Input } from '../../pods/effect.ts'
import { step } from '../../pods/machine.ts'
import type { PodState, Verdict } from '../../pods/state.ts'
import { EPOCH, INPUTS, inPhase, told } from './inputs.ts'
import { cgroup, LENIENT, membership, NETNS, pod, podState, STRICT } from './pods.ts'

const LEAVE = 'leaving pass: leave'

describe('a pod that is found', () => {
  const found = (verdict: Verdict, change: { netns?: bigint; prepared?: boolean } = {}): Input => ({
    kind: 'cgroup-found',
    cgroup: cgroup(),
    verdict,
    netns: undefined,
    prepared: false,
    ...change
  })
  const listed = (decision: 'in' | 'out', neverHeld = false) =>
    podState({ pod: pod(), membership: membership(decision, { neverHeld }) })

  it.each<[string, PodState, Input, boolean, string]>([
    ['new', listed('in'), found('unknown'), false, 'held held: judge locate'],
    ['new, and not the mesh’s', listed('out'), found('unknown'), false, 'outside pass: judge locate'],
    ['new, and never held', listed('in', true), found('unknown'), false, 'joining pass: judge locate'],
    ['new, and nobody has named it', podState(), found('unknown'), false, 'known unknown: watch-hold'],
    ['held by a former agent, unnamed', podState(), found('held'), false, 'known held: watch-hold'],
    ['running', listed('in'), found('none'), false, 'joining pass: judge locate'],
    ['running, strictly', listed('in'), found('none'), true, 'held held: judge locate'],
    ['running, strictly, unnamed', podState(), found('none'), true, 'known unknown: judge watch-hold'],
    ['running, unnamed', podState(), found('none'), false, 'known none:'],
    [
      'steered by a former agent',
      listed('in'),
      found('steer', { netns: NETNS, prepared: true }),
      true,
      'enrolled steer: enrol'
    ],
    [
      'steered by a former agent, and out since',
      listed('out'),
      found('steer', { netns: NETNS, prepared: true }),
      false,
      LEAVE
    ],
    [
      'prepared by a former agent, and out since',
      listed('out'),
      found('pass', { netns: NETNS, prepared: true }),
      false,
      LEAVE
    ]
  ])('%s', (_, before, input, strict, expected) => {
    const { state, effects } = step(before, input, strict ? STRICT : LENIENT)
    expect(told(state, effects)).toBe(expected)
  })

  it('keeps what the kernel holds when the source says that an unnamed one is gone', () => {
    const { state } = step(podState(), found('unknown'), LENIENT)
    expect(step(state, { kind: 'unlisted' }, LENIENT)).toEqual({ state, effects: [] })
  })

  it('is told of when nobody names it in time', () => {
    const { state } = step(podState(), found('unknown'), LENIENT)
    const { effects } = step(state, { kind: 'overdue', epoch: state.epoch }, LENIENT)
    expect(effects).toMatchObject([{ do: 'announce', what: 'unjudged' }])
  })
})

describe('a failed enrolment', () => {
  it('is tried again after 100 ms, then later and later, at last every 5 s', () => {
    let state = inPhase('held')
    const delays: number[] = []
    for (let attempt = 0; attempt < 8; attempt++) {
      const failed = step(state, { kind: 'enrol-failed', error: 'nack', epoch: state.epoch }, LENIENT)
      delays.push(
        ...failed.effects.flatMap((effect) => (effect.do === 'retry-later' ? [effect.delayMs] : []))
      )
      state = failed.state
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
  })

  it('is announced once for each reason', () => {
    const first = step(inPhase('held'), { kind: 'enrol-failed', error: 'nack', epoch: EPOCH }, LENIENT)
    const same = step(first.state, { kind: 'enrol-failed', error: 'nack', epoch: EPOCH }, LENIENT)
    const other = step(same.state, { kind: 'enrol-failed', error: 'hangs', epoch: EPOCH }, LENIENT)
    const announced = [first, same, other].map(
      ({ effects }) => effects.filter((e) => e.do === 'announce').length
    )
    expect(announced).toEqual([1, 0, 1])
  })

  it('tells a pod that istio-cni has captured from others, until it is enrolled', () => {
    const refused = { ...INPUTS['enrol failed'], capturedByIstio: true }
    const captured = step(inPhase('joining'), refused, LENIENT).state
    expect(captured).toMatchObject({ phase: 'failed', verdict: 'pass', capturedByIstio: true })
    expect(step(captured, INPUTS['enrol failed'], LENIENT).state.capturedByIstio).toBe(false)
    const again = step(captured, { kind: 'retry', epoch: captured.epoch }, LENIENT).state
    const enrolled = step(again, { kind: 'enrolled', epoch: again.epoch }, LENIENT).state
    expect(enrolled).toMatchObject({ phase: 'enrolled', capturedByIstio: false })
  })

  it('is no failure of a pod that is outside', () => {
    const before = inPhase('outside')
    expect(step(before, INPUTS['enrol failed'], LENIENT)).toEqual({ state: before, effects: [] })
  })
})

describe('a failed departure', () => {
  it('is tried again, announced once, and forgotten when it has gone well', () => {
    let state = inPhase('leaving')
    const announced: number[] = []
    for (let attempt = 0; attempt < 3; attempt++) {
      const failed = step(state, { kind: 'leave-failed', error: 'EROFS', epoch: state.epoch }, LENIENT)
      announced.push(failed.effects.filter((e) => e.do === 'announce' && e.what === 'stays').length)
      expect(failed.state).toMatchObject({ phase: 'leaving', lastError: 'EROFS', attempts: attempt + 1 })
      const again = step(failed.state, { kind: 'retry', epoch: failed.state.epoch }, LENIENT)
      expect(again.effects).toEqual([{ do: 'leave', epoch: again.state.epoch }])
      state = again.state
    }
    expect(announced).toEqual([1, 0, 0])
    const left = step(state, { kind: 'left', epoch: state.epoch }, LENIENT)
    expect(left.state).toMatchObject({ lastError: undefined, attempts: 0, prepared: false })
  })
})

describe('a warning of the selection', () => {
  const KINDS: Readonly<Record<string, WarningKind>> = { a: 'conflict', b: 'invalid-value' }
  const warned = (...messages: string[]): Input => ({
    kind: 'judged',
    pod: pod(),
    membership: membership('in', {
      warnings: messages.map((message) => ({
        kind: KINDS[message] ?? 'conflict',
        key: 'k',
        value: 'v',
        message
      }))
    })
  })

  it('is announced once, with the name of the pod', () => {
    const first = step(podState(), warned('a'), LENIENT)
    expect(first.effects).toEqual([{ do: 'announce', what: 'conflict', message: 'shop/cart: a' }])
    const again = step(first.state, warned('a', 'b'), LENIENT)
    expect(again.effects).toEqual([{ do: 'announce', what: 'invalid-value', message: 'shop/cart: b' }])
  })
})

describe("a pod whose sockets are not the node kernel's", () => {
  it('is told of once', () => {
    const judgement = { kind: 'judged', pod: pod(), membership: membership('unsupported') } as const
    const first = step(inPhase('outside'), judgement, LENIENT)
    expect(first.effects).toEqual([
      { do: 'announce', what: 'unsupported', message: judgement.membership.reason }
    ])
    expect(step(first.state, judgement, LENIENT).effects).toEqual([])
  })
})
