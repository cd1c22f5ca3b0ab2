// SPDX-License-Identifier: Apache-2.0
import { defer, of } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { names } from '../../../sources/manifest/names.ts'
import type { DirectoryChange } from '../../../sources/manifest/watch.ts'

const virtual = () => new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
const CHANGES: Record<string, DirectoryChange> = { A: 'all', a: { name: 'a' }, b: { name: 'b' } }

/** Successive lists of what is in the directory. */
const lists = (...found: string[][]) => {
  let at = 0
  return () => defer(() => of(found[at++] ?? []))
}

describe('names to look at', () => {
  it.each<[string, string, string, string[][], Record<string, string[]>]>([
    ['all that there are', 'A--', 'x--', [['a', 'b']], { x: ['a', 'b'] }],
    ['the one that changed', 'A-a-', 'x-y-', [['a']], { x: ['a'], y: ['a'] }],
    [
      'all that there are and were',
      'A-A-A',
      'x-y-z',
      [['a', 'b'], ['c'], ['c']],
      { x: ['a', 'b'], y: ['c', 'a', 'b'], z: ['c'] }
    ],
    ['one that came by itself', 'A-b-A', 'x-y-z', [['a'], []], { x: ['a'], y: ['b'], z: ['a', 'b'] }],
    ['none', 'A', 'x', [[]], { x: [] }],
    ['until there are no more changes', 'A-|', 'x-|', [[]], { x: [] }],
    ['until the changes fail', 'A-#', 'x-#', [[]], { x: [] }]
  ])('%s', (_, changes, expected, found, values) => {
    const scheduler = virtual()
    scheduler.run(({ cold, expectObservable }) => {
      expectObservable(cold(changes, CHANGES).pipe(names(lists(...found)))).toBe(expected, values)
    })
  })

  it('come in the order of the changes, however long a list takes', () => {
    const scheduler = virtual()
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const changes$ = cold('Aa------', CHANGES)
      const list = cold('---(l|)', { l: ['b'] })
      expectObservable(changes$.pipe(names(() => list)), '-----!').toBe('---(xy)', { x: ['b'], y: ['a'] })
      expectSubscriptions(list.subscriptions).toBe('^--!')
      expectSubscriptions(changes$.subscriptions).toBe('^----!')
    })
  })

  it('are remembered for each subscription apart', () => {
    const scheduler = virtual()
    scheduler.run(({ cold, expectObservable }) => {
      const names$ = cold('A', CHANGES).pipe(names(lists(['a'], ['b'])))
      expectObservable(names$).toBe('x', { x: ['a'] })
      expectObservable(names$).toBe('x', { x: ['b'] })
    })
  })
})
