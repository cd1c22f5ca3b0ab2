// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { RingBuffer } from '../lib/ringbuffer.ts'
import { closing } from './fixture.ts'
import { collect, load } from './flood.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('a ring buffer', () => {
  it('delivers records in order, in one batch for many wakes', async () => {
    const { produce, batches, buffer } = collect()
    for (let i = 0; i < 100; i++) produce({ first: i })
    await expect.poll(() => batches.length).toBe(1)
    expect(batches[0]).toEqual(upTo(100))
    expect(buffer.wakeups).toBe(1)
  })

  it('is woken again after a delivery', async () => {
    const { produce, batches, buffer, arrived } = collect()
    produce({ first: 1 })
    await expect.poll(arrived).toBe(1)
    produce({ first: 2 })
    await expect.poll(arrived).toBe(2)
    expect(batches).toEqual([[1], [2]])
    expect(buffer.wakeups).toBe(2)
  })

  it('is not woken by nothing', async () => {
    const { produce, buffer, arrived } = collect()
    produce()
    await expect.poll(arrived).toBe(1)
    await sleep(100)
    expect(buffer.wakeups).toBe(1)
  })

  it('delivers at once after silence, and gathers what follows as long as it was told', async () => {
    const { produce, batches, buffer, arrived } = collect({ coalesceMs: 2000 })
    const start = performance.now()
    produce({ first: 0 })
    await expect.poll(arrived, { interval: 1 }).toBe(1)
    expect(performance.now() - start).toBeLessThan(1000)
    for (const first of [1, 2, 3]) {
      produce({ first })
      await sleep(10)
    }
    expect(batches).toEqual([[0]])
    await expect.poll(arrived).toBe(4)
    expect(performance.now() - start).toBeGreaterThan(1990)
    expect(batches).toEqual([[0], [1, 2, 3]])
    expect(buffer.wakeups).toBe(2)
  })

  it('delivers at each wake without coalescing', async () => {
    const { produce, arrived, batches } = collect({ coalesceMs: 0 })
    for (let i = 0; i < 3; i++) {
      produce({ first: i })
      await expect.poll(arrived, { interval: 1 }).toBe(i + 1)
    }
    expect(batches).toEqual([[0], [1], [2]])
  })

  it('splits what is more than a batch, and gives the event loop a turn between', async () => {
    const { produce, batches, arrived } = collect({ maxBatch: 1000 })
    produce({ count: 2500 })
    await expect.poll(arrived).toBe(2500)
    expect(batches.map((batch) => batch.length)).toEqual([1000, 1000, 500])
    expect(batches.flat()).toEqual(upTo(2500))
  })

  it('skips records that the program discarded', async () => {
    const { produce, batches, arrived } = collect()
    produce({ count: 10, discard_every: 3 })
    await expect.poll(arrived).toBe(6)
    expect(batches.flat()).toEqual([1, 2, 4, 5, 7, 8])
  })

  it('calls nothing when all records were discarded, and goes on', async () => {
    const { produce, batches, arrived, buffer } = collect()
    produce({ count: 10, discard_every: 1 })
    await expect.poll(() => buffer.wakeups).toBe(1)
    await sleep(20)
    expect(batches).toEqual([])
    produce({ first: 5 })
    await expect.poll(arrived).toBe(1)
  })

  it('loses nothing over many turns of the ring', async () => {
    const { produce, batches, arrived } = collect({ coalesceMs: 1 })
    let dropped = 0n
    for (let i = 0; i < 20; i++) {
      dropped += produce({ count: 20_000, first: i * 20_000 })
      await expect.poll(arrived, { interval: 1 }).toBe((i + 1) * 20_000)
    }
    expect(dropped).toBe(0n)
    expect(batches.flat()).toEqual(upTo(400_000))
  })

  it('works again after it overflowed', async () => {
    const { produce, arrived } = collect()
    const dropped = Number(produce({ count: 100_000 }))
    expect(dropped).toBeGreaterThan(0)
    await expect.poll(arrived).toBe(100_000 - dropped)
    expect(produce()).toBe(0n)
    await expect.poll(arrived).toBe(100_001 - dropped)
  })

  it('copies: records stay as they are while the ring is overwritten and closed', async () => {
    const { ring, produce, sequence } = load()
    const kept: Uint8Array[] = []
    const buffer = closing(new RingBuffer(ring, (records) => void kept.push(...records), { coalesceMs: 0 }))
    produce({ count: 10 })
    await expect.poll(() => kept.length).toBe(10)
    produce({ count: 40_000, first: 1000 })
    await expect.poll(() => kept.length).toBe(40_010)
    buffer.close()
    expect(kept.slice(0, 10).map(sequence)).toEqual(upTo(10))
    expect(kept.every((bytes) => bytes.length === 16)).toBe(true)
  })
})

describe('flush', () => {
  it('delivers before it returns, and only once', async () => {
    const { produce, batches, buffer } = collect()
    produce({ count: 3 })
    buffer.flush()
    expect(batches).toEqual([[0, 1, 2]])
    await sleep(30)
    expect(batches.length).toBe(1)
  })

  it('calls nothing for an empty ring', () => {
    const { batches, buffer } = collect()
    buffer.flush()
    expect(batches).toEqual([])
  })

  it('throws what the callback throws', () => {
    const { ring, produce } = load()
    const buffer = closing(
      new RingBuffer(ring, () => {
        throw new RangeError('mine')
      })
    )
    produce()
    expect(() => buffer.flush()).toThrow(RangeError)
  })

  it('may be called by the callback', () => {
    const { ring, produce, sequence } = load()
    const seen: number[] = []
    const buffer: RingBuffer = closing(
      new RingBuffer(ring, (records) => {
        seen.push(...records.map(sequence))
        if (seen.length < 3) produce({ first: seen.length })
        buffer.flush()
      })
    )
    produce()
    buffer.flush()
    expect(seen).toEqual([0, 1, 2])
  })
})
