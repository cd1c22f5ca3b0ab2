// SPDX-License-Identifier: Apache-2.0

import { Observable } from 'rxjs'
import type { Event } from '#contract'
import { type BpfMap, type Layout, RingBuffer } from '#native'

/**
 * What the kernel tells of processes, in batches as they come. Holds the ring buffer while subscribed to; one
 * subscriber at a time.
 *
 * @param events the ring buffer
 * @param layout of struct event
 * @param onOpen given the open ring, whose count of wake-ups is worth knowing
 */
export function kernelEvents(
  events: BpfMap,
  layout: Layout,
  onOpen: (ring: RingBuffer) => void = () => undefined
): Observable<readonly Event[]> {
  return new Observable((subscriber) => {
    const ring = new RingBuffer(events, (records) => {
      subscriber.next(records.map((record) => layout.decode(record) as Event))
    })
    onOpen(ring)
    return () => ring.close()
  })
}
