// SPDX-License-Identifier: Apache-2.0
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BlankInstance, Program } from '#native'
import { Lookups } from '../../hooks/lookups.ts'

/** A program, with everything that was made of it. */
function lookup() {
  const spares: { fill: ReturnType<typeof vi.fn>; close: ReturnType<typeof vi.fn> }[] = []
  const instance = (how: string, netns: bigint) => ({ how, netns }) as unknown as Program
  const blank = () => {
    let filled = false
    const spare = {
      fill: vi.fn(({ lookup_netns }: { lookup_netns: bigint }) => {
        filled = true
        return instance('spare', lookup_netns)
      }),
      close: vi.fn(),
      [Symbol.dispose]: () => (filled ? undefined : spare.close())
    }
    spares.push(spare)
    return spare as unknown as BlankInstance
  }
  const program = {
    instanceAsync: vi.fn(async ({ lookup_netns }: { lookup_netns: bigint }) =>
      instance('loaded', lookup_netns)
    ),
    blankAsync: vi.fn<(knobs: readonly string[]) => Promise<BlankInstance>>(async () => blank())
  }
  return { program, spares, blank, lookups: new Lookups(program as unknown as Program, '/nowhere') }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a lookup that joins wait for', () => {
  it('is verified before it is asked for, and told its namespace then', async () => {
    const { lookups, program } = lookup()
    lookups.stock()
    await vi.runAllTimersAsync()
    expect(await lookups.load(7n)).toEqual({ how: 'spare', netns: 7n })
    expect(program.instanceAsync).not.toHaveBeenCalled()
    expect(program.blankAsync).toHaveBeenCalledWith(['lookup_netns'])
  })

  it('is loaded where none is left, each namespace its own', async () => {
    const { lookups } = lookup()
    lookups.stock()
    await vi.runAllTimersAsync()
    const loaded = await Promise.all([1n, 2n, 3n].map((netns) => lookups.load(netns)))
    expect(loaded).toEqual([
      { how: 'spare', netns: 1n },
      { how: 'spare', netns: 2n },
      { how: 'loaded', netns: 3n }
    ])
  })

  it('is loaded where nothing was kept', async () => {
    const { lookups, program } = lookup()
    expect(await lookups.load(7n)).toEqual({ how: 'loaded', netns: 7n })
    await vi.runAllTimersAsync()
    expect(program.blankAsync).not.toHaveBeenCalled()
  })
})

describe('what is kept', () => {
  it('is made good after the join, not during it', async () => {
    const { lookups, program, spares } = lookup()
    lookups.stock()
    await vi.runAllTimersAsync()
    const before = spares.length
    await lookups.load(7n)
    await turn()
    expect(program.blankAsync).toHaveBeenCalledTimes(before)
    await vi.runAllTimersAsync()
    expect(program.blankAsync).toHaveBeenCalledTimes(before + 1)
    expect(await lookups.load(8n)).toMatchObject({ how: 'spare' })
  })

  it('is not made while a burst of joins goes on', async () => {
    const { lookups, program } = lookup()
    lookups.stock()
    await vi.runAllTimersAsync()
    program.blankAsync.mockClear()
    for (let netns = 0n; netns < 20n; netns++) {
      await lookups.load(netns)
      await vi.advanceTimersByTimeAsync(50)
    }
    expect(program.blankAsync).not.toHaveBeenCalled()
    await vi.runAllTimersAsync()
    expect(program.blankAsync).toHaveBeenCalledTimes(2)
  })

  it('is never more than was asked for, however slow it comes', async () => {
    const { lookups, program, blank } = lookup()
    const coming = Promise.withResolvers<BlankInstance>()
    program.blankAsync.mockReturnValueOnce(coming.promise)
    lookups.stock()
    await vi.runAllTimersAsync()
    lookups.stock()
    await vi.runAllTimersAsync()
    coming.resolve(blank())
    await turn()
    expect(program.blankAsync).toHaveBeenCalledTimes(2)
  })

  it('is tried again with the next join when it cannot be made', async () => {
    const { lookups, program } = lookup()
    lookups.stock()
    await vi.runAllTimersAsync()
    program.blankAsync.mockRejectedValueOnce(new Error('no memory'))
    await lookups.load(7n)
    await vi.runAllTimersAsync()
    await lookups.load(8n)
    await vi.runAllTimersAsync()
    expect(await lookups.load(9n)).toMatchObject({ how: 'spare' })
  })

  it('is closed with the agent, also what comes later', async () => {
    const { lookups, program, spares, blank } = lookup()
    lookups.stock()
    await vi.runAllTimersAsync()
    const coming = Promise.withResolvers<BlankInstance>()
    program.blankAsync.mockReturnValueOnce(coming.promise)
    await lookups.load(7n)
    await vi.runAllTimersAsync()
    lookups.close()
    coming.resolve(blank())
    await turn()
    const [, used, late] = spares
    expect(spares[0]?.close).toHaveBeenCalledOnce()
    expect(used?.close).not.toHaveBeenCalled()
    expect(late?.close).toHaveBeenCalledOnce()
  })
})
