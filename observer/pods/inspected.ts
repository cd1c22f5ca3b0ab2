// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util'
import type { Condition } from './condition.ts'
import type { Step } from './settle.ts'
import { isSteered, type PodState } from './state.ts'

/** Told once, when it begins or changes. */
export function inspected(state: PodState, conditions: readonly Condition[]): Step {
  if (!isSteered(state) || isDeepStrictEqual(state.conditions, conditions)) return { state, effects: [] }
  const told = state.conditions.map(({ message }) => message)
  const news = conditions.filter(({ message }) => !told.includes(message))
  return {
    state: { ...state, conditions },
    effects: news.map(({ kind, message }) => ({
      do: 'announce',
      what: 'condition',
      message: `${kind}: ${message}`
    }))
  }
}
