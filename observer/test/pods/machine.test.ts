// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Effect, Input } from '../../pods/effect.ts'
import { step } from '../../pods/machine.ts'
import type { Phase, PodState, Verdict } from '../../pods/state.ts'
import { cgroup, LENIENT, membership, NETNS, pod, podState, STRICT } from './pods.ts'

const EPOCH = 7
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

function inPhase(phase: Phase): PodState {
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

const INPUTS = {
  'judged in': { kind: 'judged', pod: pod(), membership: membership('in') },
  'judged out': { kind: 'judged', pod: pod(), membership: membership('out') },
  'judged unsupported': { kind: 'judged', pod: pod(), membership: membership('unsupported') },
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
  retry: { kind: 'retry', epoch: EPOCH },
  verified: { kind: 'verified' },
  overdue: { kind: 'overdue', epoch: EPOCH }
} as const satisfies Record<string, Input>

type Name = keyof typeof INPUTS

const PHASES = Object.keys(VERDICTS) as Phase[]
const LEAVE = 'leaving pass: leave'
const RETRY = 'failed held: announce retry-later'
const FORGET = 'known none: forget'
const REMADE = 'held held: forget judge locate'
const MOVED = 'held held: forget judge enrol'
const SAME = '-'

/** By phase, in the order of PHASES: the phase and verdict after the input, and the effects; `-`: nothing. */
const TABLE: Record<Name, Record<Phase, string>> = {
  'judged in': row(
    SAME,
    'joining pass: judge enrol',
    SAME,
    SAME,
    SAME,
    SAME,
    'joining pass: judge enrol',
    SAME
  ),
  'judged out': row(SAME, SAME, LEAVE, LEAVE, LEAVE, LEAVE, SAME, LEAVE),
  'judged unsupported': row(
    'known none: announce',
    'outside pass: announce',
    'leaving pass: announce leave',
    'leaving pass: announce leave',
    'leaving pass: announce leave',
    'leaving pass: announce leave',
    'leaving pass: announce',
    'leaving pass: announce leave'
  ),
  unlisted: row(SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME),
  'cgroup found': row('held held: judge locate', SAME, SAME, SAME, SAME, SAME, SAME, SAME),
  'cgroup made again': row(
    'held held: judge locate',
    'outside pass: forget judge locate',
    REMADE,
    REMADE,
    REMADE,
    REMADE,
    'outside pass: forget judge locate',
    REMADE
  ),
  'cgroup gone': row(SAME, FORGET, FORGET, FORGET, FORGET, FORGET, FORGET, FORGET),
  'netns seen': row(SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME),
  'another netns seen': row(
    SAME,
    'outside pass: locate',
    'held held: locate',
    'joining pass: locate',
    'enrolled steer: locate',
    'verified steer: locate',
    SAME,
    'failed held: locate'
  ),
  located: row(
    SAME,
    SAME,
    'held held: enrol',
    'joining pass: enrol',
    'enrolled steer: enrol',
    'verified steer: enrol',
    SAME,
    'failed held: enrol'
  ),
  'located elsewhere': row(
    SAME,
    'outside pass: forget judge',
    'held held: forget enrol',
    'joining pass: forget enrol',
    MOVED,
    MOVED,
    SAME,
    'failed held: forget enrol'
  ),
  'located nowhere': row(
    SAME,
    SAME,
    'held held: forget judge',
    'joining pass: forget judge',
    'held held: forget judge',
    'held held: forget judge',
    SAME,
    'held held: forget judge'
  ),
  enrolled: row(
    SAME,
    SAME,
    'enrolled steer: announce',
    'enrolled steer: announce',
    SAME,
    SAME,
    SAME,
    'enrolled steer: announce'
  ),
  'enrol failed': row(
    SAME,
    SAME,
    RETRY,
    'failed pass: announce retry-later',
    'enrolled steer: announce retry-later',
    'verified steer: announce retry-later',
    SAME,
    RETRY
  ),
  left: row(SAME, SAME, SAME, SAME, SAME, SAME, 'outside pass: announce judge', SAME),
  retry: row(
    SAME,
    SAME,
    'held held: locate',
    'joining pass: locate',
    'enrolled steer: locate',
    'verified steer: locate',
    SAME,
    'held held: locate'
  ),
  verified: row(SAME, SAME, SAME, SAME, 'verified steer:', SAME, SAME, SAME),
  overdue: row(SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME)
}

function row(...cells: string[]): Record<Phase, string> {
  return Object.fromEntries(PHASES.map((phase, index) => [phase, cells[index]])) as Record<Phase, string>
}

function told(state: PodState, effects: readonly Effect[]): string {
  return `${state.phase} ${state.verdict}: ${effects.map((effect) => effect.do).join(' ')}`.trim()
}

describe.each(Object.keys(INPUTS) as Name[])('%s', (name) => {
  it.each(PHASES)('when the pod is %s', (phase) => {
    const before = inPhase(phase)
    const { state, effects } = step(before, INPUTS[name], LENIENT)
    const expected = TABLE[name][phase]
    expect(told(state, effects)).toBe(expected === SAME ? told(before, []) : expected)
    const changed = state.phase !== phase || name === 'cgroup made again'
    expect(state.since).toBe(changed ? LENIENT.now : before.since)
  })
})

describe('an answer with a former epoch', () => {
  const answers = Object.values(INPUTS).filter((input) => 'epoch' in input)

  it('changes nothing', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PHASES),
        fc.constantFrom(...answers),
        fc.nat({ max: EPOCH - 1 }),
        (phase, answer, epoch) => {
          const before = inPhase(phase)
          expect(step(before, { ...answer, epoch }, LENIENT)).toEqual({ state: before, effects: [] })
        }
      )
    )
  })
})

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

  it('is no failure of a pod that is outside', () => {
    const before = inPhase('outside')
    expect(step(before, INPUTS['enrol failed'], LENIENT)).toEqual({ state: before, effects: [] })
  })
})

describe('a warning of the selection', () => {
  const warned = (...messages: string[]): Input => ({
    kind: 'judged',
    pod: pod(),
    membership: membership('in', {
      warnings: messages.map((message) => ({ kind: 'conflict', key: 'k', value: 'v', message }))
    })
  })

  it('is announced once, with the name of the pod', () => {
    const first = step(podState(), warned('a'), LENIENT)
    expect(first.effects).toEqual([{ do: 'announce', what: 'warning', message: 'shop/cart: a' }])
    const again = step(first.state, warned('a', 'b'), LENIENT)
    expect(again.effects).toEqual([{ do: 'announce', what: 'warning', message: 'shop/cart: b' }])
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
