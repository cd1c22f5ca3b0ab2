// SPDX-License-Identifier: Apache-2.0
// The agent's pipeline: processes, source and answers as one stream into the roster.

import { map, Subject } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { inTurn } from '../../agent/in-turn.ts'
import { type Answer, type Fact, Roster } from '../../pods/roster.ts'
import { cgroup, LENIENT, membership, NETNS, pod } from '../pods/pods.ts'

function marbles(): TestScheduler {
  return new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
}

describe('facts of several sources', () => {
  it('come as they come, and complete with the last of them', () => {
    marbles().run(({ cold, expectObservable, expectSubscriptions }) => {
      const one$ = cold('-a---b|')
      const other$ = cold('--x-----|')
      expectObservable(inTurn(one$, other$)).toBe('-ax--b--|')
      expectSubscriptions(one$.subscriptions).toBe('^-----!')
      expectSubscriptions(other$.subscriptions).toBe('^-------!')
    })
  })

  it('end with the error of any', () => {
    marbles().run(({ cold, expectObservable, expectSubscriptions }) => {
      const one$ = cold('-a-#')
      const other$ = cold('--x----y')
      expectObservable(inTurn(one$, other$)).toBe('-ax#')
      expectSubscriptions(other$.subscriptions).toBe('^--!')
    })
  })

  it('are let go of together', () => {
    marbles().run(({ hot, expectObservable, expectSubscriptions }) => {
      const one$ = hot('-a---b')
      const other$ = hot('--x---')
      expectObservable(inTurn(one$, other$), '^--!').toBe('-ax')
      expectSubscriptions(one$.subscriptions).toBe('^--!')
      expectSubscriptions(other$.subscriptions).toBe('^--!')
    })
  })
})

/** A roster behind the pipeline, and one who performs effects at once: his answers come while a fact is heard. */
function pipeline() {
  const answers$ = new Subject<Answer>()
  const roster = new Roster({ strict: false, select: () => membership('in'), now: () => LENIENT.now })
  let hearing = 0
  const hear = (fact: Fact): string => {
    hearing += 1
    expect(hearing).toBe(1)
    const moves = roster.hear(fact)
    for (const { state, effects } of moves)
      for (const effect of effects) {
        const { uid } = state
        if (effect.do === 'locate')
          answers$.next({
            kind: 'answer',
            uid,
            input: { kind: 'located', netns: NETNS, epoch: effect.epoch }
          })
        if (effect.do === 'enrol')
          answers$.next({ kind: 'answer', uid, input: { kind: 'enrolled', epoch: effect.epoch } })
      }
    hearing -= 1
    return moves
      .map(({ state, effects }) => `${state.phase}: ${effects.map((each) => each.do).join(' ')}`)
      .join()
  }
  return { answers$, hear }
}

const FACTS: Record<string, Fact> = {
  f: { kind: 'cgroup-found', cgroup: cgroup(), verdict: 'unknown', netns: undefined, prepared: false },
  g: { kind: 'cgroup-gone', id: 101n },
  p: { kind: 'pod', pod: pod() },
  s: { kind: 'synced' }
}

const TOLD = {
  u: 'known: watch-hold',
  k: 'known: ',
  h: 'held: judge locate',
  e: 'held: enrol',
  n: 'enrolled: announce',
  s: '',
  g: 'known: forget'
}

describe('a pod on its way through the pipeline', () => {
  it.each([
    ['its cgroup before its name', '-f---------g', '--p------s', '-u(hen)--s-g'],
    ['its name before its cgroup', '--f--------g', '-p-------s', '-k(hen)--s-g']
  ])('%s', (_, processes, source, expected) => {
    const { answers$, hear } = pipeline()
    marbles().run(({ hot, expectObservable }) => {
      const facts$ = inTurn<Fact>(hot(processes, FACTS), hot(source, FACTS), answers$)
      expectObservable(facts$.pipe(map(hear))).toBe(expected, TOLD)
    })
  })
})
