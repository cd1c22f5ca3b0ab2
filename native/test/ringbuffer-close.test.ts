// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { BpfObject } from '../lib/object.ts'
import { RingBuffer, type RingBufferOptions } from '../lib/ringbuffer.ts'
import { closing, failure, openFds, programPath, runNode } from './fixture.ts'
import { collect, load } from './flood.ts'

/** A ring buffer that is closed by its callback. */
function closingItself(options: RingBufferOptions) {
  const { ring, produce } = load()
  let calls = 0
  const onRecords = () => {
    calls++
    buffer.close()
  }
  const buffer: RingBuffer = new RingBuffer(ring, onRecords, options)
  return { produce, buffer, calls: () => calls }
}

describe('closing a ring buffer', () => {
  it('stops delivery, also of what waits', async () => {
    const { produce, batches, buffer } = collect()
    produce()
    await expect.poll(() => buffer.wakeups, { interval: 1 }).toBe(1)
    buffer.close()
    produce()
    await sleep(30)
    expect(batches.length).toBeLessThanOrEqual(1)
    expect(buffer.wakeups).toBe(1)
  })

  it.each([0, 5])('is safe inside the callback, coalesceMs %i', async (coalesceMs) => {
    const { produce, buffer, calls } = closingItself({ coalesceMs, maxBatch: 2 })
    produce({ count: 10 })
    await expect.poll(calls).toBe(1)
    await sleep(30)
    expect(calls()).toBe(1)
    failure(() => buffer.flush(), 'ECLOSED')
  })

  it('is safe inside flush', () => {
    const { produce, buffer, calls } = closingItself({ maxBatch: 1 })
    produce({ count: 5 })
    buffer.flush()
    expect(calls()).toBe(1)
  })

  it('gives its descriptors and memory back', async () => {
    const { ring } = load()
    const before = openFds()
    const buffer = new RingBuffer(ring, () => {})
    expect(openFds()).toBe(before + 1)
    buffer.close()
    await expect.poll(openFds).toBe(before)
  })

  it('does not need the map or the object to be open', async () => {
    const { object, ring, produce } = load()
    const seen: number[] = []
    closing(new RingBuffer(ring, (records) => void seen.push(records.length)))
    produce()
    object.close()
    await expect.poll(() => seen).toEqual([1])
  })
})

describe('a callback that throws', () => {
  it('reaches uncaughtException, and the ring goes on', async () => {
    const run = await runNode(`
      const object = BpfObject.load(path('rings'))
      const flood = object.layout('flood')
      const produce = () =>
        object.program('produce').testRun({ ctx: flood.encode({ count: 1, discard_every: 0, first: 0, dropped: 0 }) })
      process.on('uncaughtException', (error) => {
        console.log('caught', error.message)
        setTimeout(produce, 20)
      })
      let calls = 0
      const buffer = new RingBuffer(object.map('ring'), () => {
        calls++
        if (calls === 3) return buffer.close()
        throw new Error('call ' + calls)
      })
      produce()
    `)
    expect(run).toMatchObject({ code: 0, stdout: 'caught call 1\ncaught call 2\n', stderr: '' })
  })

  it('runs promises and next ticks of the callback at once', async () => {
    const { ring, produce } = load()
    const order: string[] = []
    closing(
      new RingBuffer(ring, () => {
        process.nextTick(() => order.push('tick'))
        setImmediate(() => order.push('immediate'))
        void Promise.resolve().then(() => order.push('promise'))
      })
    )
    produce()
    await expect.poll(() => order).toEqual(['tick', 'promise', 'immediate'])
  })
})

describe('opening a ring buffer', () => {
  const refused: [string, (ring: never) => unknown][] = [
    ['no map', () => new RingBuffer({} as never, () => {})],
    ['no callback', (ring) => new RingBuffer(ring, 1 as never)],
    ['a negative delay', (ring) => new RingBuffer(ring, () => {}, { coalesceMs: -1 })],
    ['a fraction of a record', (ring) => new RingBuffer(ring, () => {}, { maxBatch: 0.5 })],
    ['options that are no object', (ring) => new RingBuffer(ring, () => {}, 5 as never)]
  ]

  it.each(refused)('refuses %s', (_, open) => {
    const { ring } = load()
    failure(() => open(ring as never), 'EINVALID_ARGUMENT')
  })

  it('refuses a map of another type', () => {
    const maps = closing(BpfObject.load(programPath('maps')))
    const { message } = failure(() => new RingBuffer(maps.map('small'), () => {}), 'EINVALID_ARGUMENT')
    expect(message).toContain('small is no ring buffer')
  })
})
