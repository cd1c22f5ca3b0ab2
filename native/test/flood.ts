// SPDX-License-Identifier: Apache-2.0
import { BpfObject } from '../lib/object.ts'
import { RingBuffer, type RingBufferOptions } from '../lib/ringbuffer.ts'
import { closing, programPath } from './fixture.ts'

/** What one run of the program `produce` writes. */
export interface Flood {
  count?: number
  discard_every?: number
  first?: number
}

/** The object of rings.bpf.c. */
export function load() {
  const object = closing(BpfObject.load(programPath('rings')))
  const flood = object.layout('flood')
  const record = object.layout('record')
  return {
    object,
    ring: object.map('ring'),
    /** Writes records with the numbers from `first` on; the number that did not fit is returned. */
    produce: ({ count = 1, discard_every = 0, first = 0 }: Flood = {}): bigint => {
      const ctx = flood.encode({ count, discard_every, first, dropped: 0 })
      const { data } = object.program('produce').testRun({ ctx })
      return (flood.decode(data) as { dropped: bigint }).dropped
    },
    sequence: (bytes: Uint8Array) => Number((record.decode(bytes) as { sequence: bigint }).sequence)
  }
}

/** A ring that collects what arrives. */
export function collect(options?: RingBufferOptions) {
  const loaded = load()
  const batches: number[][] = []
  const buffer = closing(
    new RingBuffer(loaded.ring, (records) => void batches.push(records.map(loaded.sequence)), options)
  )
  return { ...loaded, batches, buffer, arrived: () => batches.flat().length }
}
