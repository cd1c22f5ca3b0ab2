// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { PodEntries } from '../../maps/pod-entries.ts'
import { type DepartureParts, depart, drain } from '../../reconcile/departure.ts'
import { podMaps } from '../maps/memory-map.ts'
import { NETNS } from '../pods/pods.ts'
import { ADDRESSES, dwelling } from './dwelling.ts'

function parts(log: string[]) {
  const maps = podMaps()
  const entries = new PodEntries(maps)
  entries.writeNetns(NETNS, ADDRESSES, ADDRESSES)
  const made: DepartureParts = {
    entries,
    lookups: { remove: (netns) => void log.push(`lookup of ${netns} removed`) },
    zds: { withdraw: async (uid) => void log.push(`${uid} withdrawn`) }
  }
  return { maps, made }
}

const never = new AbortController().signal

describe('a departure', () => {
  it('tells ztunnel first, takes the routing back, and then the lookup', async () => {
    const log: string[] = []
    const { maps, made } = parts(log)
    await depart('u1', dwelling(log), made, never)
    expect(log).toEqual(['u1 withdrawn', 'restore', 'lookup closed', `lookup of ${NETNS} removed`])
    expect(maps.own_addr.keys()).toEqual([])
  })

  it('removes the lookup also when the routing cannot be taken back', async () => {
    const log: string[] = []
    const broken = dwelling(log, { restore: () => Promise.reject(new Error('gone')) })
    await expect(depart('u1', broken, parts(log).made, never)).rejects.toThrow('gone')
    expect(log).toContain(`lookup of ${NETNS} removed`)
    expect(broken.lookup).toBeUndefined()
  })

  it('writes no map once it is called off', async () => {
    const log: string[] = []
    const controller = new AbortController()
    const { maps, made } = parts(log)
    const slow = dwelling(log, { restore: async () => controller.abort() })
    maps.pod_stat.delete(NETNS)
    await expect(depart('u1', slow, made, controller.signal)).rejects.toThrow()
    expect(maps.pod_stat.keys()).toEqual([])
  })
})

describe('draining', () => {
  it('ends when no socket is steered any more', async () => {
    const counts = [2, 1, 0]
    const busy = dwelling([], { steeredSockets: async () => counts.shift() ?? 0 })
    expect(await drain(busy, 10_000, never)).toBe(0)
    expect(counts).toEqual([])
  })

  it('does not look before a connect() that is under way can be seen', async () => {
    const marked = performance.now() + 50
    const dialling = dwelling([], { steeredSockets: async () => (performance.now() < marked ? 0 : 1) })
    expect(await drain(dialling, 110, never)).toBe(1)
  })

  it('tells how many are left when its time is over', async () => {
    expect(await drain(dwelling([], { steeredSockets: async () => 3 }), 0, never)).toBe(3)
  })

  it('ends at once when it is called off', async () => {
    const controller = new AbortController()
    const waiting = drain(dwelling([], { steeredSockets: async () => 3 }), 60_000, controller.signal)
    setImmediate(() => controller.abort())
    await expect(waiting).rejects.toThrow('aborted')
  })
})
