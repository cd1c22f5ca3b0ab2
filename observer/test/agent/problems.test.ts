// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { Problems } from '../../agent/problems.ts'
import { SluiceError } from '../../errors/error.ts'
import type { SourceEvent } from '../../sources/source.ts'

const error = new SluiceError('SLUICE_ERR_MANIFEST_DIRECTORY', { path: '/m' })
const events = {
  s: { kind: 'synced' },
  g: { kind: 'pod-gone', uid: 'u1' },
  p: { kind: 'problem', origin: '/m/a.yaml', error },
  m: { kind: 'mended', origin: '/m/a.yaml' }
} satisfies Record<string, SourceEvent>

describe('problems of a source', () => {
  it.each([
    ['-s-p-m-g-|', '-s-----g-|', '^--------!'],
    ['-s-p-#', '-s---#', '^----!'],
    ['-p-g-p-', '---g---', '^------']
  ])('are kept from the facts: %s', (source, facts, subscription) => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const events$ = cold<SourceEvent>(source, events)
      expectObservable(new Problems(pino({ enabled: false })).sift(events$)).toBe(facts, events)
      expectSubscriptions(events$.subscriptions).toBe(subscription)
    })
  })

  it('are there until they are mended', () => {
    const problems = new Problems(pino({ enabled: false }))
    const scheduler = new TestScheduler(() => undefined)
    const seen: (readonly string[])[] = []
    scheduler.run(({ cold }) => {
      problems.sift(cold<SourceEvent>('ps-ms', events)).subscribe(() => seen.push(problems.texts))
    })
    expect(seen).toEqual([[error.message], []])
  })
})
