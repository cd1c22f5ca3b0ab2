// SPDX-License-Identifier: Apache-2.0
import { type Observable, of, throwError } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../../errors/error.ts'
import type { ApiRequest, StreamPart } from '../../../kubernetes/api.ts'
import { ApiFailure } from '../../../kubernetes/failure.ts'
import { follow } from '../../../sources/kubernetes/follow.ts'
import type { Resource } from '../../../sources/kubernetes/resource.ts'

/** An object is `name version`; `?` is one that cannot be read. */
const RESOURCE: Resource<string> = {
  name: 'things',
  path: '/things',
  decode: (json) => {
    const { metadata } = json as { metadata: { name: string; resourceVersion: string } }
    const { name, resourceVersion: version } = metadata
    const origin = `/things/${name}`
    if (version.endsWith('?')) return { kind: 'problem', origin, error }
    return { kind: 'object', object: { origin, uid: name, version, created: '', value: `${name}${version}` } }
  }
}

const error = new SluiceError('SLUICE_ERR_KUBERNETES_OBJECT', { origin: 'x', problems: 'y' })
const AWAY = new ApiFailure(0, 'ECONNREFUSED')
const GONE = new ApiFailure(410, 'too old')
const LATER = new ApiFailure(429, 'too many', { retryAfterMs: 5_000 })

const object = (name: string, resourceVersion: string) => ({ metadata: { name, resourceVersion } })
const page = (version: string, items: readonly string[], next?: string) => ({
  metadata: { resourceVersion: version, ...(next === undefined ? {} : { continue: next }) },
  items: items.map((text) => object(text[0] ?? '', text.slice(1)))
})

const PARTS: Record<string, StreamPart> = {
  o: { kind: 'opened' },
  a: { kind: 'line', value: { type: 'MODIFIED', object: object('a', '5') } },
  b: { kind: 'line', value: { type: 'ADDED', object: object('b', '6') } },
  d: { kind: 'line', value: { type: 'DELETED', object: object('a', '7') } },
  q: { kind: 'line', value: { type: 'MODIFIED', object: object('a', '8?') } },
  m: { kind: 'line', value: { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } } },
  x: { kind: 'line', value: { type: 'ERROR', object: { code: 410, message: 'too old' } } }
}

interface Script {
  /** What each list answers, in turn; the last one stays. */
  readonly lists: readonly (object | ApiFailure)[]
  /** Marbles of PARTS for each watch, in turn; the last one stays. `#` is AWAY. */
  readonly watches: readonly string[]
  readonly failure?: ApiFailure
}

const OUT: Record<string, unknown> = {
  1: { kind: 'set', value: 'a1' },
  2: { kind: 'set', value: 'b1' },
  s: { kind: 'synced' },
  a: { kind: 'set', value: 'a5' },
  b: { kind: 'set', value: 'b6' },
  d: { kind: 'gone', value: 'a1' },
  g: { kind: 'gone', value: 'b1' },
  n: { kind: 'set', value: 'c9' },
  q: { kind: 'problem', origin: '/things/a', error },
  P: { kind: 'problem', origin: 'things', error },
  M: { kind: 'mended', origin: 'things' }
}

function run(script: Script, frames: number, expected: string): string[] {
  const asked: string[] = []
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
  scheduler.run(({ cold, expectObservable, hot }) => {
    let lists = 0
    let watches = 0
    const api = {
      answer: ({ query = {} }: ApiRequest): Observable<unknown> => {
        asked.push(`list ${query.continue ?? query.resourceVersion ?? 'latest'} @${scheduler.now()}`)
        const answer = script.lists[Math.min(lists++, script.lists.length - 1)]
        return answer instanceof ApiFailure ? throwError(() => answer) : of(answer)
      },
      stream: ({ query = {} }: ApiRequest): Observable<StreamPart> => {
        asked.push(`watch ${query.resourceVersion} @${scheduler.now()}`)
        const marbles = script.watches[Math.min(watches++, script.watches.length - 1)] ?? ''
        return cold(marbles, PARTS, script.failure ?? AWAY)
      }
    }
    const things$ = hot<Resource<string>>('r', { r: RESOURCE })
    const options = { api, scheduler, random: () => 1, problem: () => error }
    expectObservable(things$.pipe(follow(options)), `${frames}ms !`).toBe(expected, OUT)
  })
  return asked
}

/** A watch that is opened and says nothing. */
const QUIET = 'o'
const LIST = page('3', ['a1', 'b1'])

describe('a resource that is followed', () => {
  it('is listed, told whole, and watched from there', () => {
    const asked = run({ lists: [LIST], watches: ['o 9ms a-b'] }, 50, '(12s) 5ms a-b')
    expect(asked).toEqual(['list 0 @0', 'watch 3 @0'])
  })

  it('is told whole after its last page', () => {
    const lists = [page('3', ['a1'], 'next'), page('3', ['b1'])]
    expect(run({ lists, watches: [QUIET] }, 50, '(12s)')).toEqual(['list 0 @0', 'list next @0', 'watch 3 @0'])
  })

  it('is watched again at once when the server ends the watch, from the last version that it told', () => {
    const watches = ['o 9ms a 589ms |', 'o 599ms m|', QUIET]
    const asked = run({ lists: [LIST], watches }, 5_000, '(12s) 5ms a')
    expect(asked).toEqual(['list 0 @0', 'watch 3 @0', 'watch 5 @600', 'watch 9 @1201'])
  })

  it('is told as deleted', () => {
    run({ lists: [LIST], watches: ['o 9ms d'] }, 50, '(12s) 5ms d')
  })

  it('stays what it was when it cannot be read', () => {
    run({ lists: [LIST], watches: ['o 9ms q'] }, 50, '(12s) 5ms q')
  })
})

describe('a watch', () => {
  it('that is cut is opened again after a pause, and nobody is told', () => {
    const asked = run({ lists: [LIST], watches: ['o 999ms #', QUIET] }, 5_000, '(12s)')
    expect(asked).toEqual(['list 0 @0', 'watch 3 @0', 'watch 3 @1200'])
  })

  it('that is cut every second is opened again each time as soon', () => {
    const asked = run({ lists: [LIST], watches: ['o 999ms #'] }, 5_000, '(12s)')
    expect(asked.slice(1)).toEqual([0, 1_200, 2_400, 3_600, 4_800].map((at) => `watch 3 @${at}`))
  })

  it('that ends as soon as it is opened is opened again less and less often', () => {
    const asked = run({ lists: [LIST], watches: ['o|'] }, 4_000, '(12s)')
    expect(asked.slice(1)).toEqual([0, 201, 602, 1_403, 3_004].map((at) => `watch 3 @${at}`))
  })

  it('that cannot be opened is told of once, and tried less and less often, up to half a minute', () => {
    const asked = run({ lists: [LIST], watches: ['#'] }, 120_000, '(12sP)')
    const at = asked.slice(1).map((text) => Number(text.split('@')[1]))
    expect(at).toEqual([0, 200, 600, 1_400, 3_000, 6_200, 12_600, 25_400, 51_000, 81_000, 111_000])
  })

  it('that can be opened again is told of', () => {
    run({ lists: [LIST], watches: ['#', '#', QUIET] }, 5_000, '(12sP) 594ms M')
  })

  it('waits as long as the server asks', () => {
    const asked = run({ lists: [LIST], watches: ['#', QUIET], failure: LATER }, 6_000, '(12sP) 5194ms M')
    expect(asked.at(-1)).toBe('watch 3 @5200')
  })

  it('that has gone silent after a bookmark is opened again', () => {
    const asked = run({ lists: [LIST], watches: ['o 59999ms m', QUIET] }, 300_000, '(12s)')
    expect(asked.slice(2)).toEqual(['watch 9 @240200'])
  })

  it('of a server that sends no bookmarks lives until its time is over, and half a minute', () => {
    const asked = run({ lists: [LIST], watches: [QUIET] }, 700_000, '(12s)')
    expect(asked.slice(2)).toEqual(['watch 3 @630200'])
  })
})

describe('a version that the server has forgotten', () => {
  it.each([
    ['by status', ['o 599ms |', '#', QUIET], GONE, 800],
    ['by an event', ['o 9ms x', QUIET], undefined, 210]
  ])('%s: the list tells what is new and what went, and no more', (_, watches, failure, at) => {
    const script: Script = { lists: [LIST, page('9', ['a1', 'c9'])], watches, ...(failure && { failure }) }
    const asked = run(script, 5_000, `(12s) ${at - 5}ms (gn)`)
    expect(asked.slice(-2)).toEqual([`list latest @${at}`, `watch 9 @${at}`])
  })

  it('between two pages: the list begins again', () => {
    const lists = [page('3', ['a1'], 'next'), GONE, LIST]
    const asked = run({ lists, watches: [QUIET] }, 5_000, '200ms (12s)')
    expect(asked).toEqual(['list 0 @0', 'list next @0', 'list 0 @200', 'watch 3 @200'])
  })

  it('again and again: less and less often', () => {
    const asked = run({ lists: [LIST], watches: ['#'], failure: GONE }, 3_500, '(12s)')
    expect(asked.filter((text) => text.startsWith('list'))).toEqual([
      'list 0 @0',
      ...[200, 600, 1_400, 3_000].map((at) => `list latest @${at}`)
    ])
  })
})

describe('a list', () => {
  it('that fails is told of once and repeated', () => {
    const asked = run({ lists: [AWAY, AWAY, LIST], watches: [QUIET] }, 5_000, 'P 599ms (M12s)')
    expect(asked).toEqual(['list 0 @0', 'list 0 @200', 'list 0 @600', 'watch 3 @600'])
  })

  it('that is none is told of', () => {
    run({ lists: [{ kind: 'Status' }, LIST], watches: [QUIET] }, 5_000, 'P 199ms (M12s)')
  })
})

it('nothing is asked any more once nobody listens', () => {
  const asked = run({ lists: [LIST], watches: ['#'] }, 500, '(12sP)')
  expect(asked).toHaveLength(3)
})
