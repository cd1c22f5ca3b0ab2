// SPDX-License-Identifier: Apache-2.0
import { TestScheduler } from 'rxjs/testing'
import { expect, it } from 'vitest'
import { namespaceFirst } from '../../../sources/kubernetes/namespace-first.ts'
import type { SourceEvent } from '../../../sources/source.ts'
import { pod } from '../../pods/pods.ts'

const namespace = (name: string): SourceEvent => ({
  kind: 'namespace',
  namespace: { name, labels: {}, annotations: {} }
})
const events: Record<string, SourceEvent> = {
  p: { kind: 'pod', pod: pod() },
  P: { kind: 'pod', pod: pod({ labels: { newer: 'yes' } }) },
  q: { kind: 'pod', pod: pod({ uid: 'u2', namespace: 'other' }) },
  g: { kind: 'pod-gone', uid: 'u1' },
  n: namespace('shop'),
  o: namespace('other'),
  x: { kind: 'namespace-gone', name: 'shop' },
  s: { kind: 'synced' }
}

it.each([
  ['a pod whose namespace is known passes', 'n-p-|', 'n-p-|'],
  ['a pod waits for its namespace, and for no other', 'p-q-o----n----|', '----(oq)-(np)-|'],
  ['a pod that waits is told as it is last', 'p-P-n---|', '----(nP)|'],
  ['a pod that goes while it waits waits no more', 'p-g-n-|', '--g-n-|'],
  ['a pod that was told goes while it waits again', 'n-p-x-p-g-n-|', 'n-p-x---g-n-|'],
  ['a pod that was told is gone', 'n-p-g-|', 'n-p-g-|'],
  ['a namespace that went must be told anew', 'n-x-p-n---|', 'n-x---(np)|'],
  ['everything else passes', 's-|', 's-|'],
  ['an error passes', 'p-#', '--#']
])('%s', (_, source, expected) => {
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
  scheduler.run(({ cold, expectObservable }) => {
    expectObservable(cold(source, events).pipe(namespaceFirst())).toBe(expected, events)
  })
})

it('each subscription waits for itself', () => {
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
  scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
    const source$ = cold('p-n---', events)
    const told$ = source$.pipe(namespaceFirst())
    expectObservable(told$, '^----!').toBe('--(np)', events)
    expectObservable(told$, '--^----!').toBe('----(np)', events)
    expectSubscriptions(source$.subscriptions).toBe(['^----!', '--^----!'])
  })
})
