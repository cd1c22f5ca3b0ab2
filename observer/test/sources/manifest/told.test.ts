// SPDX-License-Identifier: Apache-2.0
import { map } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it } from 'vitest'
import { parseManifest } from '../../../sources/manifest/parse.ts'
import type { Taken } from '../../../sources/manifest/settle.ts'
import { told } from '../../../sources/manifest/told.ts'
import type { SourceEvent } from '../../../sources/source.ts'
import { podYaml } from './texts.ts'

type Batch = readonly Taken<{ parsed: ReturnType<typeof parseManifest> }>[]
const file = (name: string, uid: string): Batch[number] => [
  name,
  { parsed: parseManifest(name, podYaml({ name: `pod-${uid}`, uid })) }
]
const BATCHES: Record<string, Batch> = {
  e: [],
  u: [file('a.yaml', 'u')],
  m: [['a.yaml', undefined], file('b.yaml', 'u')],
  g: [['a.yaml', undefined]]
}
const short = (event: SourceEvent) =>
  event.kind === 'pod'
    ? `+${event.pod.uid} ${event.pod.origin}`
    : event.kind === 'pod-gone'
      ? `-${event.uid}`
      : event.kind
const EVENTS = { s: 'synced', u: '+u a.yaml', v: '+u b.yaml', g: '-u' }

describe('what is told', () => {
  it.each([
    ['synced after the first batch, even an empty one', 'e', 's'],
    ['synced once', 'e---u', 's---u'],
    ['what exists before synced', 'u', '(us)'],
    ['a pod that is gone', 'u---g', '(us)g'],
    ['a pod that moves to another file stays', 'u---m', '(us)v'],
    ['the end', 'e--|', 's--|'],
    ['an error', 'e--#', 's--#']
  ])('%s', (_, batches, expected) => {
    const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
    scheduler.run(({ cold, expectObservable }) => {
      const batches$ = cold(batches, BATCHES)
      expectObservable(batches$.pipe(told(), map(short))).toBe(expected, EVENTS)
    })
  })

  it('ends with the subscription, and each subscription is told everything', () => {
    const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
    scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
      const batches$ = cold('u-----g', BATCHES)
      const events$ = batches$.pipe(told(), map(short))
      expectObservable(events$, '-----!').toBe('(us)', EVENTS)
      expectObservable(events$, '--^--!').toBe('--(us)', EVENTS)
      expectSubscriptions(batches$.subscriptions).toBe(['^----!', '--^--!'])
    })
  })
})
