// SPDX-License-Identifier: Apache-2.0
// What happens to the node, and when: made of the seed alone, before anything begins.

import { Chance } from './chance.ts'

/** Times are ms since the beginning; `after` is counted from the kill. */
export type Happening =
  | { readonly what: 'kill agent'; readonly at: number; readonly after: readonly number[] }
  /** From here on the agent is left alone, so that it has the time to grow if it grows. */
  | { readonly what: 'leave agent alone'; readonly at: number }
  | { readonly what: 'kill ztunnel'; readonly at: number; readonly after: number }
  | { readonly what: 'join' | 'leave'; readonly at: number; readonly pod: string }
  | { readonly what: 'begin' | 'end'; readonly at: number; readonly pod: string }

export interface Schedule {
  readonly happenings: readonly Happening[]
  /** Names of the pods that begin on the way, in their order. */
  readonly newcomers: readonly string[]
}

/** ms between two of a kind, on average. */
const GAPS = { agent: 6_000, ztunnel: 8_000, membership: 3_000, newcomer: 4_000 } as const
const AGENT_ALONE = 0.25
/** Nothing begins in the last part, so that everything can be seen to end well. */
const LAST = 2_000

/** @param fickle pods that join and leave while they run; all are members at first */
export function scheduleOf(seed: number, lengthMs: number, fickle: readonly string[]): Schedule {
  const chance = new Chance(seed)
  const end = Math.max(LAST, lengthMs - LAST)
  const alone = lengthMs * (1 - AGENT_ALONE)
  const births = chance.moments(GAPS.newcomer, end)
  const newcomers = births.map((_, index) => `new-${index + 1}`)
  const happenings: Happening[] = [
    ...chance.moments(GAPS.agent, alone).map((at) => agentKill(chance, at)),
    { what: 'leave agent alone', at: alone },
    ...chance
      .moments(GAPS.ztunnel, end)
      .map((at): Happening => ({ what: 'kill ztunnel', at, after: absence(chance) })),
    ...changes(chance, fickle, end),
    ...births.flatMap((at, index): Happening[] => {
      const pod = newcomers[index] ?? ''
      const ends = at + chance.between(3_000, 12_000)
      return [{ what: 'begin', at, pod }, ...(ends < end ? [{ what: 'end', at: ends, pod } as const] : [])]
    })
  ]
  return { happenings: happenings.toSorted((a, b) => a.at - b.at), newcomers }
}

/** Started again at once or a little later; one in three is killed again on its way up, some twice. */
function agentKill(chance: Chance, at: number): Happening {
  const after = [absence(chance)]
  while (chance.next() < 1 / 3) after.push(chance.between(0, 500))
  return { what: 'kill agent', at, after }
}

function absence(chance: Chance): number {
  return chance.next() < 0.5 ? 0 : chance.between(0, 1_500)
}

function changes(chance: Chance, fickle: readonly string[], end: number): Happening[] {
  const inside = new Set(fickle)
  return chance.moments(GAPS.membership, end).map((at): Happening => {
    const pod = fickle[Math.floor(chance.next() * fickle.length)] ?? ''
    const what = inside.delete(pod) ? 'leave' : 'join'
    if (what === 'join') inside.add(pod)
    return { what, at, pod }
  })
}
