// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { step } from '../../pods/machine.ts'
import type { Phase } from '../../pods/state.ts'
import { EPOCH, INPUTS, inPhase, PHASES, told } from './inputs.ts'
import { LENIENT } from './pods.ts'

type Name = keyof typeof INPUTS

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
  'judged in otherwise': row(
    SAME,
    'joining pass: judge enrol',
    'held held: locate',
    'joining pass: locate',
    'enrolled steer: locate',
    'verified steer: locate',
    'joining pass: judge enrol',
    'failed held: locate'
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
  retired: row(SAME, SAME, LEAVE, LEAVE, LEAVE, LEAVE, SAME, LEAVE),
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
  'leave failed': row(SAME, SAME, SAME, SAME, SAME, SAME, 'leaving pass: announce retry-later', SAME),
  left: row(SAME, SAME, SAME, SAME, SAME, SAME, 'outside pass: announce judge', SAME),
  retry: row(
    SAME,
    SAME,
    'held held: locate',
    'joining pass: locate',
    'enrolled steer: locate',
    'verified steer: locate',
    LEAVE,
    'held held: locate'
  ),
  verified: row(SAME, SAME, SAME, SAME, 'verified steer:', SAME, SAME, SAME),
  overdue: row(SAME, SAME, SAME, SAME, SAME, SAME, SAME, SAME)
}

function row(...cells: string[]): Record<Phase, string> {
  return Object.fromEntries(PHASES.map((phase, index) => [phase, cells[index]])) as Record<Phase, string>
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
