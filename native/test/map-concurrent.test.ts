// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BpfObject } from '../lib/object.ts'
import { closing, programPath, temporaryPins } from './fixture.ts'
import { entry, type Point, point } from './map-values.ts'

const STABLE = 500

describe('reading a map while others delete and add', () => {
  it('lists every key once, and all that stayed', async () => {
    const pins = temporaryPins()
    const map = closing(BpfObject.load(programPath('maps'), { pinMapsIn: pins })).map<Point, unknown>('hash')
    map.setBatch(Array.from({ length: STABLE }, (_, i) => [point(i), entry(i)] as const))
    const keys = Array.from({ length: 2000 }, (_, i) => point(1_000_000 + i))
    const workerData = { path: join(pins, 'hash'), keys, value: entry(1) }
    const worker = new Worker(new URL('./churn-worker.ts', import.meta.url), { workerData })
    onTestFinished(async () => void (await worker.terminate()))
    await once(worker, 'message')
    let strangers = 0
    for (let round = 0; round < 200; round++) {
      const read = round % 2 === 0 ? map.keys() : map.entries().map(([key]) => key)
      const ids = new Set(read.map(({ id }) => Number(id)))
      expect(ids.size).toBe(read.length)
      expect(Array.from({ length: STABLE }, (_, i) => i).filter((id) => !ids.has(id))).toEqual([])
      strangers += ids.size - STABLE
    }
    expect(strangers).toBeGreaterThan(0)
  })
})
