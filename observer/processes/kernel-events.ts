// SPDX-License-Identifier: Apache-2.0

import { Observable } from 'rxjs'
import type { Event } from '#contract'
import { type BpfMap, type Layout, RingBuffer } from '#native'

/** A pod tells two things within a millisecond, its cgroup and its namespace, and then nothing for long. */
const COALESCE_MS = 1

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
    const tell = (records: readonly Uint8Array[]) =>
      subscriber.next(records.map((record) => layout.decode(record) as Event))
    const ring = new RingBuffer(events, tell, { coalesceMs: COALESCE_MS })
    onOpen(ring)
    return () => ring.close()
  })
}
