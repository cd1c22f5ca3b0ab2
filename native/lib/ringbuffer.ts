// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'
import { requireRecord } from './argument.ts'
import { type BpfMap, type MapHandle, mapHandle } from './map.ts'

type RingBufferHandle = { readonly ringBuffer: unique symbol }

interface RingBufferBindings {
  openRingBuffer(
    map: MapHandle,
    onBatch: (records: Uint8Array[]) => void,
    coalesceMs: number,
    maxBatch: number
  ): RingBufferHandle
  flushRingBuffer(ring: RingBufferHandle): void
  wakeupsOfRingBuffer(ring: RingBufferHandle): number
  closeRingBuffer(ring: RingBufferHandle): void
}

const native = bindings<RingBufferBindings>()

export interface RingBufferOptions {
  /** Least time from one wake to the next, in ms, while which records gather. 0: each wake delivers. Default 5. */
  coalesceMs?: number
  /** Most records in one batch; more follow after the event loop had a turn. Default 4096. */
  maxBatch?: number
}

/**
 * Delivers a BPF ring buffer in batches, without polling: what comes after silence at once, what follows it gathered
 * for `coalesceMs`. The records of a batch are views of one ArrayBuffer, which
 * lives as long as any of them. It keeps the event loop alive until it is closed, also when nothing refers to it; the
 * map may be closed before. An exception of `onBatch` reaches 'uncaughtException' and delivery goes on. One consumer
 * at a time: a second one on the same map would share the records with the first.
 */
export class RingBuffer {
  readonly #handle: RingBufferHandle

  constructor(map: BpfMap, onBatch: (records: Uint8Array[]) => void, options: RingBufferOptions = {}) {
    requireRecord(options, 'options')
    this.#handle = native.openRingBuffer(
      mapHandle(map),
      onBatch,
      options.coalesceMs ?? 5,
      options.maxBatch ?? 4096
    )
  }

  /** How often records woke the event loop; the parts of a split batch are one wake. Readable after close too. */
  get wakeups(): number {
    return native.wakeupsOfRingBuffer(this.#handle)
  }

  /** Delivers what is in the ring, before it returns; an exception of `onBatch` is thrown here. */
  flush(): void {
    native.flushRingBuffer(this.#handle)
  }

  close(): void {
    native.closeRingBuffer(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
