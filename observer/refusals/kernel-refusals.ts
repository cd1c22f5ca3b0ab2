// SPDX-License-Identifier: Apache-2.0
// What hooks refuse from now on. What they refused while nobody listened is in the counters alone.

import { hrtime } from 'node:process'
import { Observable } from 'rxjs'
import type { Refusal as RefusalRecord } from '#contract'
import { type BpfMap, type Layout, RingBuffer } from '#native'
import { type Refusal, refusalOf } from './refusal.ts'

const COALESCE_MS = 50

export class KernelRefusals {
  /** In batches as they come. Holds the ring buffer while subscribed to; one subscriber at a time. */
  readonly refusals$: Observable<readonly Refusal[]>
  #reader: RingBuffer | undefined

  /**
   * @param ring the ring buffer
   * @param layout of struct refusal
   */
  constructor(ring: BpfMap, layout: Layout) {
    const begun = hrtime.bigint()
    this.refusals$ = new Observable((subscriber) => {
      const tell = (records: readonly Uint8Array[]) => {
        const refusals = records.map((record) => refusalOf(layout.decode(record) as RefusalRecord))
        subscriber.next(refusals.filter(({ time }) => time >= begun))
      }
      const reader = new RingBuffer(ring, tell, { coalesceMs: COALESCE_MS })
      this.#reader = reader
      return () => {
        this.#reader = undefined
        reader.close()
      }
    })
  }

  /** Delivers what is still in the ring, before it returns. */
  flush(): void {
    this.#reader?.flush()
  }
}
