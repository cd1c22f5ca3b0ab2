// SPDX-License-Identifier: Apache-2.0
// Instances that are loaded before their constants are known.

import { describe, expect, it } from 'vitest'
import { BpfObject, type LoadOptions } from '../lib/object.ts'
import { closing, failure, programPath, runNode, temporaryCgroup } from './fixture.ts'

function load(options?: LoadOptions): BpfObject {
  return closing(BpfObject.load(programPath('hooks'), options))
}

/** How often the program ran with each cookie. */
function counts(object: BpfObject): Record<string, bigint> {
  const calls = object.map<bigint, bigint>('calls')
  return Object.fromEntries(calls.entries().map(([cookie, n]) => [String(cookie), n]))
}

const SYN = new Uint8Array(72)
new DataView(SYN.buffer).setUint32(8, 2, true)
new DataView(SYN.buffer).setUint32(12, 6, true)

describe('an instance that lacks constants', () => {
  it('is a program with these and the object’s other ones when they are filled in', async () => {
    const object = load({ programs: ['lookup'], knobs: { cookie: 7, refuse: 1 } })
    const original = object.program('lookup')
    const blank = closing(await original.blankAsync(['cookie']))
    const filled = closing(blank.fill({ cookie: 2n ** 63n }))
    expect(filled).toMatchObject({ name: 'lookup', type: 'sk_lookup' })
    expect(filled.id).not.toBe(original.id)
    expect(filled.testRun({ ctx: SYN }).retval).toBe(original.testRun({ ctx: SYN }).retval)
    expect(counts(object)).toEqual({ '7': 1n, [String(2n ** 63n)]: 1n })
  })

  it('is each filled in for itself', async () => {
    const object = load({ programs: ['lookup'] })
    const program = object.program('lookup')
    const blanks = await Promise.all([1, 2].map(() => program.blankAsync(['cookie'])))
    for (const [index, blank] of blanks.entries())
      closing(blank.fill({ cookie: 10 + index })).testRun({ ctx: SYN })
    expect(counts(object)).toEqual({ '10': 1n, '11': 1n })
  })

  it('is filled in once', async () => {
    const blank = closing(
      await load({ programs: ['lookup'] })
        .program('lookup')
        .blankAsync(['cookie'])
    )
    closing(blank.fill({ cookie: 8 }))
    failure(() => blank.fill({ cookie: 9 }), 'ECLOSED')
  })

  it('stays blank after constants that it does not have', async () => {
    const object = load({ programs: ['lookup'] })
    const blank = closing(await object.program('lookup').blankAsync(['cookie']))
    failure(() => blank.fill({ cooky: 1 }), 'EINVALID_ARGUMENT')
    closing(blank.fill({ cookie: 8 })).testRun({ ctx: SYN })
    expect(counts(object)).toEqual({ '8': 1n })
  })

  it('holds two descriptors, one when it is filled in, and none when it is closed', async () => {
    // In a process of its own: nothing that is collected meanwhile closes descriptors there.
    const run = await runNode(`
      import { readdirSync } from 'node:fs'
      const fds = () => readdirSync('/proc/self/fd').length
      const program = BpfObject.load(path('hooks'), { programs: ['lookup'] }).program('lookup')
      ;(await program.instanceAsync({ cookie: 1 })).close()
      const before = fds()
      const blank = await program.blankAsync(['cookie'])
      const held = [fds() - before]
      const filled = blank.fill({ cookie: 8 })
      blank.close()
      held.push(fds() - before)
      filled.close()
      const unused = await program.blankAsync(['cookie'])
      unused.close()
      held.push(fds() - before)
      try { unused.fill({ cookie: 9 }) } catch ({ code }) { console.log(held.join(' '), code) }
    `)
    expect(run).toEqual({ code: 0, signal: null, stdout: '2 1 0 SLUICE_NATIVE_ECLOSED\n', stderr: '' })
  })

  it('can be filled in and attached after its object is closed', async () => {
    const object = load({ programs: ['connect4'] })
    const blank = closing(await object.program('connect4').blankAsync(['refuse']))
    object.close()
    const link = closing(closing(blank.fill({ refuse: 1 })).attachCgroup(temporaryCgroup()))
    expect(link.info()).toMatchObject({ type: 'cgroup' })
  })
})
