// SPDX-License-Identifier: Apache-2.0
import { map, Observable, of, throwError } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { type SettleOptions, settle } from '../../../sources/manifest/settle.ts'

const virtual = () => new TestScheduler((actual, expected) => expect(actual).toEqual(expected))

/** `!x` is taken at once, anything else once it has not changed for 3 ms; `undefined` is gone. */
const PATIENCE: Pick<SettleOptions<string>, 'isSame' | 'patience' | 'take'> = {
  isSame: (one, other) => one === other,
  patience: (former, seen, unchangedMs) => {
    if (former === seen) return 'same'
    return seen?.startsWith('!') ? 0 : Math.max(0, 3 - unchangedMs)
  },
  take: (_, seen) => seen
}

type Looks = Readonly<Record<string, readonly (string | undefined)[]>>

/** Each look at a name shows the next of its contents; the last one stays. */
function options(scheduler: TestScheduler, looks: Looks, firstWithinMs = 100): SettleOptions<string> {
  const count = new Map<string, number>()
  const look = (name: string) => {
    const contents = looks[name] ?? []
    const at = count.get(name) ?? 0
    count.set(name, at + 1)
    return contents[Math.min(at, contents.length - 1)]
  }
  const read = (names: readonly string[]) => of(names.map(look))
  return { ...PATIENCE, read, firstWithinMs, togetherMs: 0, scheduler }
}

const first = ['a', 'b']

const sorted = (batch: unknown) =>
  (Array.isArray(batch) ? batch : []).toSorted(([a], [b]) => (a < b ? -1 : 1))

describe('what has settled', () => {
  it.each<[string, string, string, Looks, Record<string, unknown>]>([
    [
      'at once, as one batch',
      'f---',
      'x---',
      { a: ['!1'], b: ['!2'] },
      {
        x: [
          ['a', '!1'],
          ['b', '!2']
        ]
      }
    ],
    [
      'the first batch waits for all its names',
      'f---',
      '---x',
      { a: ['!1'], b: ['2'] },
      {
        x: [
          ['a', '!1'],
          ['b', '2']
        ]
      }
    ],
    [
      'what still changes waits again',
      'f------',
      '------x',
      { a: ['!1'], b: ['2', '3'] },
      {
        x: [
          ['a', '!1'],
          ['b', '3']
        ]
      }
    ],
    [
      'a later change',
      'f--a--',
      'x--y--',
      { a: ['!1', '!2'], b: ['!1'] },
      {
        x: [
          ['a', '!1'],
          ['b', '!1']
        ],
        y: [['a', '!2']]
      }
    ],
    [
      'no change',
      'f--a--',
      'x-----',
      { a: ['!1'], b: ['!1'] },
      {
        x: [
          ['a', '!1'],
          ['b', '!1']
        ]
      }
    ],
    [
      'names that are gone',
      'f--a---',
      'x-----y',
      { a: ['!1', undefined], b: ['!1'] },
      {
        x: [
          ['a', '!1'],
          ['b', '!1']
        ],
        y: [['a', undefined]]
      }
    ],
    [
      'gone for a moment only',
      'f--aa---',
      'x-------',
      { a: ['!1', undefined, '!1'], b: ['!1'] },
      {
        x: [
          ['a', '!1'],
          ['b', '!1']
        ]
      }
    ],
    ['an empty first batch', 'e-----', 'x-----', {}, { x: [] }],
    ['a new name', 'e-a---', 'x----y', { a: ['1'] }, { x: [], y: [['a', '1']] }]
  ])('%s', (_, names, expected, looks, values) => {
    const scheduler = virtual()
    scheduler.run(({ hot, expectObservable }) => {
      const names$ = hot(names, { f: first, a: ['a'], e: [] })
      expectObservable(names$.pipe(settle(options(scheduler, looks)))).toBe(expected, values)
    })
  })

  it('is told without names that do not settle in time, which follow', () => {
    const scheduler = virtual()
    scheduler.run(({ hot, expectObservable }) => {
      const names$ = hot('f-----', { f: first })
      const looks = { a: ['!1'], b: ['2', '3', '4'] }
      const values = { x: [['a', '!1']], y: [['b', '4']] }
      expectObservable(names$.pipe(settle(options(scheduler, looks, 2)))).toBe('--x------y', values)
    })
  })

  it.each<[string, string, string, Looks, Record<string, unknown>]>([
    [
      'waits for what soon is',
      'f-----ba---',
      'x--------y',
      { a: ['!0', '!1'], b: ['!0', '1'] },
      {
        y: [
          ['b', '1'],
          ['a', '!1']
        ]
      }
    ],
    [
      'waits no longer than so',
      'f-----ba-b--',
      'x---------y-z',
      { a: ['!0', '!1'], b: ['!0', '1', '2'] },
      { y: [['a', '!1']], z: [['b', '2']] }
    ]
  ])('and is ready %s', (_, changes, expected, looks, values) => {
    const scheduler = virtual()
    scheduler.run(({ hot, expectObservable }) => {
      const together = { ...options(scheduler, looks), togetherMs: 3 }
      const names$ = hot(changes, { f: first, a: ['a'], b: ['b'] })
      const x = [
        ['a', '!0'],
        ['b', '!0']
      ]
      expectObservable(names$.pipe(settle(together), map(sorted))).toBe(expected, {
        x,
        y: sorted(values.y),
        z: sorted(values.z)
      })
    })
  })

  it('is looked at in one pass at a time', () => {
    const scheduler = virtual()
    scheduler.run(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const read = cold('--(x|)', { x: ['!1'] })
      const names$ = hot('faa---', { f: ['a'], a: ['a'] })
      expectObservable(names$.pipe(settle({ ...options(scheduler, {}), read: () => read }))).toBe('--x---', {
        x: [['a', '!1']]
      })
      expectSubscriptions(read.subscriptions).toBe(['^-!', '--^-!'])
    })
  })
})

describe('completion, errors and unsubscription', () => {
  const values = { x: [['a', '1']], e: [] }

  it.each([
    ['completes after the last has settled', 'f|', '---(x|)'],
    ['completes without names', '|', '|'],
    ['fails with its source', 'f#', '-#']
  ])('%s', (_, names, expected) => {
    const scheduler = virtual()
    scheduler.run(({ cold, expectObservable }) => {
      const names$ = cold(names, { f: ['a'] })
      expectObservable(names$.pipe(settle(options(scheduler, { a: ['1'] })))).toBe(expected, values)
    })
  })

  it('fails with a reading', () => {
    const scheduler = virtual()
    scheduler.run(({ cold, expectObservable }) => {
      const failing = { ...options(scheduler, {}), read: () => throwError(() => 'error') }
      expectObservable(cold('-f--', { f: ['a'] }).pipe(settle(failing))).toBe('-#')
    })
  })

  it('lets go of source, reading and timers', () => {
    const scheduler = virtual()
    let open = 0
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const names$ = cold('f----', { f: ['a'] })
      const read = () =>
        new Observable<string[]>(() => {
          open++
          return () => open--
        })
      expectObservable(names$.pipe(settle({ ...options(scheduler, {}), read })), '--!').toBe('---')
      expectSubscriptions(names$.subscriptions).toBe('^-!')
      expectObservable(cold('f', { f: ['a'] }).pipe(settle(options(scheduler, { a: ['1'] }))), '--!').toBe(
        '---'
      )
    })
    expect(open).toBe(0)
  })
})
