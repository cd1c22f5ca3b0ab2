// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { BpfObject, type LoadOptions } from '../lib/object.ts'
import { closing, failure, openFds, programPath, runNode } from './fixture.ts'

function load(options?: LoadOptions): BpfObject {
  return closing(BpfObject.load(programPath('hooks'), options))
}

/** struct bpf_sk_lookup: a SYN from 127.0.0.1:1000 to 127.0.0.1:80. */
function lookupContext(): Uint8Array {
  const context = new Uint8Array(72)
  const view = new DataView(context.buffer)
  view.setUint32(8, 2, true)
  view.setUint32(12, 6, true)
  view.setUint32(16, 0x0100007f, true)
  view.setUint16(36, 1000)
  view.setUint32(40, 0x0100007f, true)
  view.setUint32(60, 80, true)
  return context
}

function counts(object: BpfObject): Record<string, bigint> {
  return Object.fromEntries(
    object
      .map<bigint, bigint>('calls')
      .entries()
      .map(([key, n]) => [String(key), n])
  )
}

describe('a program', () => {
  it('has name, id and type', () => {
    const program = load({ programs: ['lookup'] }).program('lookup')
    expect(program).toMatchObject({ name: 'lookup', type: 'sk_lookup' })
    expect(program.id).toBeGreaterThan(0)
  })

  it('runs on a context and answers it', () => {
    const rings = closing(BpfObject.load(programPath('rings')))
    const flood = rings.layout('flood')
    const ctx = flood.encode({ count: 70_000, discard_every: 0, first: 0, dropped: 0 })
    const { data } = rings.program('produce').testRun({ ctx })
    expect(flood.decode(data)).toMatchObject({ count: 70_000, dropped: expect.any(BigInt) })
    expect((flood.decode(data) as { dropped: bigint }).dropped).toBeGreaterThan(0n)
  })

  it('says what cannot be run by test', () => {
    const { message } = failure(
      () =>
        load({ programs: ['connect4'] })
          .program('connect4')
          .testRun({}),
      'EBPF_UNSUPPORTED'
    )
    expect(message).toContain('connect4')
  })
})

describe('an instance', () => {
  it('has its own constants and shares the maps', () => {
    const object = load({ programs: ['lookup'], knobs: { cookie: 7 } })
    const original = object.program('lookup')
    const instance = closing(original.instance({ cookie: 2n ** 63n }))
    expect(instance.id).not.toBe(original.id)
    original.testRun({ ctx: lookupContext() })
    instance.testRun({ ctx: lookupContext() })
    instance.testRun({ ctx: lookupContext() })
    expect(counts(object)).toEqual({ '7': 1n, [String(2n ** 63n)]: 2n })
  })

  it('keeps the constants of the object that it does not change', () => {
    const object = load({ programs: ['lookup'], knobs: { cookie: 7, refuse: 1 } })
    const instance = closing(object.program('lookup').instance({ cookie: 8 }))
    instance.testRun({ ctx: lookupContext() })
    expect(counts(object)).toEqual({ '8': 1n })
    const allowed = closing(instance.instance({ refuse: 0 }))
    expect(instance.testRun({ ctx: lookupContext() }).retval).not.toBe(
      allowed.testRun({ ctx: lookupContext() }).retval
    )
  })

  it('works after the object is closed', () => {
    const object = load({ programs: ['lookup'] })
    const instance = closing(object.program('lookup').instance({ refuse: 1 }))
    const refused = instance.testRun({ ctx: lookupContext() }).retval
    object.close()
    expect(instance.testRun({ ctx: lookupContext() }).retval).toBe(refused)
  })

  it('cannot be made from a closed object', () => {
    const object = load({ programs: ['lookup'] })
    const program = object.program('lookup')
    object.close()
    failure(() => program.instance({ refuse: 1 }), 'ECLOSED')
  })

  it('holds one descriptor', () => {
    const program = load({ programs: ['lookup'] }).program('lookup')
    const before = openFds()
    closing(program.instance({ refuse: 1 }))
    expect(openFds()).toBe(before + 1)
  })

  it('names an unknown constant', () => {
    const program = load({ programs: ['lookup'] }).program('lookup')
    expect(failure(() => program.instance({ cooky: 1 }), 'EINVALID_ARGUMENT').message).toContain(
      "received 'cooky'"
    )
  })
})

describe('an instance that is loaded on another thread', () => {
  async function rejection(promise: Promise<unknown>): Promise<unknown> {
    return promise.then(
      () => undefined,
      (error: unknown) => error
    )
  }

  it('is like one that is loaded at once', async () => {
    const object = load({ programs: ['lookup'], knobs: { cookie: 7, refuse: 1 } })
    const original = object.program('lookup')
    const instance = closing(await original.instanceAsync({ cookie: 8 }))
    expect(instance).toMatchObject({ name: 'lookup', type: 'sk_lookup' })
    const ctx = lookupContext()
    expect(instance.testRun({ ctx }).retval).toBe(original.testRun({ ctx }).retval)
    expect(counts(object)).toEqual({ '7': 1n, '8': 1n })
  })

  it('leaves the event loop to others', async () => {
    const program = load({ programs: ['lookup'] }).program('lookup')
    let settled = false
    const loading = program.instanceAsync({ cookie: 1 }).finally(() => {
      settled = true
    })
    await Promise.resolve()
    expect(settled).toBe(false)
    closing(await loading)
  })

  it('comes when its program and object are closed meanwhile', async () => {
    const before = openFds()
    const object = load({ programs: ['lookup'] })
    const loading = Array.from({ length: 50 }, (_, cookie) =>
      object.program('lookup').instanceAsync({ cookie })
    )
    object.close()
    const instances = await Promise.all(loading)
    for (const instance of instances) expect(instance.testRun({ ctx: lookupContext() }).retval).toBe(1)
    for (const instance of instances) instance.close()
    expect(openFds()).toBe(before)
  })

  it('rejects for an unknown constant and for a closed program', async () => {
    const program = load({ programs: ['lookup'] }).program('lookup')
    expect(await rejection(program.instanceAsync({ cooky: 1 }))).toMatchObject({
      code: 'SLUICE_NATIVE_EINVALID_ARGUMENT'
    })
    program.close()
    expect(await rejection(program.instanceAsync({ cookie: 1 }))).toMatchObject({
      code: 'SLUICE_NATIVE_ECLOSED'
    })
  })

  it('rejects with what failed on the thread', async () => {
    const run = await runNode(
      `
      import { openSync } from 'node:fs'
      const program = BpfObject.load(path('hooks'), { programs: ['lookup'] }).program('lookup')
      try { for (;;) openSync('/dev/null') } catch {}
      await program.instanceAsync({ cookie: 1 }).catch(({ code, errno }) => console.log(code, errno))
    `,
      { prefix: ['prlimit', '--nofile=100'] }
    )
    expect(run).toEqual({ code: 0, signal: null, stdout: 'SLUICE_NATIVE_EBPF_MAP 24\n', stderr: '' })
  })
})
