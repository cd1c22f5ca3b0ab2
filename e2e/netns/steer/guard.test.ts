// SPDX-License-Identifier: Apache-2.0
// Nobody dials ztunnel's own ports: whoever did would be handed the pod's identity.

import { describe, expect, it } from 'vitest'
import type { Place } from '../../world/place.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'

const PORTS = [15001, 15006] as const
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const
const FROM_OUTSIDE = ['plain', 'outsider', 'host', 'kubelet'] as const
const DIALLED = FAMILIES.flatMap((family) => PORTS.map((port) => [family, port] as const))

const node = mesh({ enrolled: ['app', 'member'], plain: ['plain'], outsiders: ['outsider', 'server'] })
const app = (family: Family) => node.pod('app').address(family)

function place(name: (typeof FROM_OUTSIDE)[number]): Place {
  if (name === 'host' || name === 'kubelet') return node.world[name]
  return name === 'outsider' ? node.outsider(name) : node.pod(name)
}

const REFUSED = { ok: false, errno: 'ECONNREFUSED' }

describe('ztunnel’s port', () => {
  it.each(DIALLED.flatMap(([family, port]) => FROM_OUTSIDE.map((name) => [family, port, name] as const)))(
    'is refused: %s, %i, dialled from %s',
    async (family, port, name) => {
      const rises = await node.counted(async () => {
        expect(await place(name).connect(app(family), port)).toMatchObject(REFUSED)
      })
      expect(rises).toMatchObject({ dropped_guard: 1 })
    }
  )

  it.each(DIALLED)(
    'is refused to the pod itself, by address and by loopback: %s, %i',
    async (family, port) => {
      const mapped =
        family === 'ipv4' ? [`::ffff:${app(family)}`, '::ffff:127.0.0.1', '127.1.2.3', '0.0.0.0'] : ['::']
      for (const address of [app(family), LOOPBACK[family], ...mapped])
        expect(await node.pod('app').connect(address, port), address).toMatchObject(REFUSED)
    }
  )

  it.each(DIALLED)('is not reached through another pod’s ztunnel: %s, %i', async (family, port) => {
    const before = node.ztunnel.opened({ direction: 'inbound' }).length
    const rises = await node.counted(async () => {
      const connected = await node.pod('member').connect(app(family), port)
      expect(connected).toMatchObject({ data: '' })
      expect(['eof', 'ECONNRESET']).toContain(connected.ended)
    })
    expect(rises.dropped_guard).toBeGreaterThanOrEqual(1)
    expect(node.ztunnel.opened({ direction: 'inbound' })).toHaveLength(before)
  })

  it.each(FAMILIES)('for DNS is refused by address only: %s', async (family) => {
    const pod = node.pod('app')
    const resolver = await pod.serve(15053, '--bind', app(family))
    const other = await pod.serve(15054)
    for (const from of [node.pod('plain'), node.outsider('outsider'), pod])
      expect(await from.connect(app(family), 15053)).toMatchObject(REFUSED)
    expect(resolver.seen).toEqual([])
    // ztunnel's resolver answers there.
    expect(await pod.connect(LOOPBACK[family], 15053, '--no-data')).toMatchObject({ ok: true })
    expect(await node.pod('plain').connect(app(family), 15054)).toMatchObject({ ok: true, ended: 'line' })
    await resolver.stop()
    await other.stop()
  })

  it('is told of in the status', async () => {
    const before = (await node.agent.status()).counters.dropped_guard ?? 0
    await node.pod('plain').connect(app('ipv4'), 15001)
    expect((await node.agent.status()).counters.dropped_guard).toBe(before + 1)
  })
})

describe('a process of the pod that joins :15001 with SO_REUSEPORT', () => {
  it.each(FAMILIES)('gets none of 60 connections: %s', async (family) => {
    const joined = await node.pod('app').serve(15001, '--reuseport')
    const served = await node.outsider('server').serve(8080)
    const tally = await node.pod('app').connectMany(node.outsider('server')[family], 8080, 60)
    expect(tally).toMatchObject({ connected: 60, greeted: 60 })
    expect(served.seen).toHaveLength(60)
    expect(joined.seen).toEqual([])
    await joined.stop()
    await served.stop()
  })
})

describe('without the lookup', () => {
  it('ztunnel’s ports are reached, and :15001 is shared with whoever joins it', async () => {
    const joined = await node.pod('app').serve(15001, '--reuseport')
    const plain = node.pod('plain')
    await without(node, 'lookup', async () => {
      // It would dial itself round and round.
      node.ztunnel.pause()
      for (const family of FAMILIES) {
        expect(await plain.connect(app(family), 15006, '--no-data')).toMatchObject({ ok: true })
        // What :15001 answers to a stranger goes round to lo: its share runs into the timeout.
        const tally = await plain.connectMany(app(family), 15001, 20, '--no-data', '--timeout', 200)
        expect(tally.connected).toBeGreaterThan(0)
        expect(tally).toMatchObject({ errors: { TIMEOUT: 20 - tally.connected } })
      }
      await node.ztunnel.kill9()
      await node.startZtunnel()
    })
    expect(joined.seen.length).toBeGreaterThan(0)
    expect(joined.seen.length).toBeLessThan(40)
    await joined.stop()
  })
})
