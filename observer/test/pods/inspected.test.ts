// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest'
import type { Condition } from '../../pods/condition.ts'
import { inspected } from '../../pods/inspected.ts'
import { podState } from './pods.ts'

const PARTIAL: Condition = { kind: 'partial', message: 'it may forward IPv4' }
const ROUTING: Condition = { kind: 'routing', message: 'a rule comes before ours' }
const STEERED = podState({ verdict: 'steer', conditions: [PARTIAL] })

it.each([
  ['what is new is told', [PARTIAL, ROUTING], ['routing: a rule comes before ours']],
  ['what lasts is not told again', [PARTIAL], []],
  ['what has ended is forgotten', [], []]
])('%s', (_, conditions, told) => {
  const { state, effects } = inspected(STEERED, conditions)
  expect(state.conditions).toEqual(conditions)
  expect(effects.map((effect) => effect.do === 'announce' && effect.message)).toEqual(told)
})

it('a pod that is no longer steered has none', () => {
  const left = podState({ verdict: 'pass' })
  expect(inspected(left, [PARTIAL])).toEqual({ state: left, effects: [] })
})
