// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { openFds, runNode } from './fixture.ts'

const WORKER = new URL('./flood-worker.ts', import.meta.url)

describe('a worker thread', () => {
  it('uses the addon beside the main thread and ends', async () => {
    const before = openFds()
    const worker = new Worker(WORKER, { workerData: { rounds: 20, coalesceMs: 0 } })
    const [code] = (await once(worker, 'exit')) as [number]
    expect(code).toBe(0)
    await expect.poll(openFds).toBeLessThanOrEqual(before)
  })

  it.each([0, 1])('is terminated in the middle of a flood, 20 times, coalesceMs %i', async (coalesceMs) => {
    const run = await runNode(`
      import { once } from 'node:events'
      import { readdirSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      const fds = () => readdirSync('/proc/self/fd').length
      let before
      for (let i = 0; i < 20; i++) {
        const workerData = { coalesceMs: ${coalesceMs} }
        const worker = new Worker(new URL(${JSON.stringify(WORKER.href)}), { workerData, execArgv: [] })
        await once(worker, 'message')
        await new Promise((resolve) => setTimeout(resolve, i))
        await worker.terminate()
        // What Node itself opens for its first worker stays open.
        before ??= fds()
      }
      console.log('left', fds() - before)
    `)
    expect(run).toEqual({ code: 0, signal: null, stdout: 'left 0\n', stderr: '' })
  })
})

describe('instances that are being loaded', () => {
  const worker = JSON.stringify(new URL('./instance-worker.ts', import.meta.url).href)

  it('do not keep a worker thread from being terminated, 20 times', async () => {
    const run = await runNode(`
      import { once } from 'node:events'
      import { readdirSync } from 'node:fs'
      import { Worker } from 'node:worker_threads'
      const fds = () => readdirSync('/proc/self/fd').length
      let before
      for (let i = 0; i < 20; i++) {
        const worker = new Worker(new URL(${worker}), { execArgv: [] })
        await once(worker, 'message')
        await new Promise((resolve) => setTimeout(resolve, i % 5))
        await worker.terminate()
        before ??= fds()
      }
      console.log('left', fds() - before)
    `)
    expect(run).toEqual({ code: 0, signal: null, stdout: 'left 0\n', stderr: '' })
  })

  it('do not keep the process from ending', async () => {
    const run = await runNode(`
      const program = BpfObject.load(path('hooks'), { programs: ['lookup'] }).program('lookup')
      for (let cookie = 0; cookie < 100; cookie++) void program.instanceAsync({ cookie })
      await program.instanceAsync({ cookie: 100 })
      for (let cookie = 0; cookie < 100; cookie++) void program.instanceAsync({ cookie })
      process.exit(7)
    `)
    expect(run).toEqual({ code: 7, signal: null, stdout: '', stderr: '' })
  })
})

describe('the process', () => {
  const flood = `
    const object = BpfObject.load(path('rings'))
    const ctx = object.layout('flood').encode({ count: 5000, discard_every: 0, first: 0, dropped: 0 })
    const produce = () => object.program('produce').testRun({ ctx })
    let batches = 0
    const ring = new RingBuffer(object.map('ring'), () => { batches++; onBatch() }, { coalesceMs: 0, maxBatch: 100 })
    produce()
  `

  it.each([
    [
      'process.exit() in the callback',
      'function onBatch() { produce(); if (batches > 50) process.exit(7) }',
      7
    ],
    [
      'process.exit() outside it',
      'function onBatch() { produce() }; setTimeout(() => process.exit(8), 30)',
      8
    ],
    ['an uncaught error', 'function onBatch() { produce(); if (batches > 50) throw new Error("end") }', 1]
  ])('ends with an open ring buffer: %s', async (_, script, code) => {
    const run = await runNode(`${flood}\n${script}`)
    expect(run).toMatchObject({ code, signal: null })
  })

  it('lives as long as a ring buffer is open, also one that nothing refers to', async () => {
    const started = performance.now()
    const run = await runNode(
      `
      let ring: RingBuffer | undefined
      const open = () => {
        const object = BpfObject.load(path('rings'))
        const ctx = object.layout('flood').encode({ count: 1, discard_every: 0, first: 0, dropped: 0 })
        const produce = object.program('produce')
        const opened = new RingBuffer(object.map('ring'), () => { console.log('delivered'); opened.close() })
        setTimeout(() => { gc(); gc(); produce.testRun({ ctx }) }, 300).unref()
        const keep = setTimeout(() => {}, 400)
        keep.unref()
      }
      open()
    `,
      { flags: ['--expose-gc'] }
    )
    expect(run).toMatchObject({ code: 0, stdout: 'delivered\n' })
    expect(performance.now() - started).toBeGreaterThan(300)
  })

  it('ends when the ring buffer is closed', async () => {
    const run = runNode(`${flood}\nfunction onBatch() { ring.close(); console.log('closed') }`)
    const result = await Promise.race([run, sleep(30_000, undefined, { ref: false })])
    expect(result).toMatchObject({ code: 0, stdout: 'closed\n' })
  })
})
