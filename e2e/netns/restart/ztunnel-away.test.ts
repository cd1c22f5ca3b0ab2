// SPDX-License-Identifier: Apache-2.0
// ztunnel gone for a while: nothing passes, and nothing is lost. What is dialled meanwhile waits for its return.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Connected, Server } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { eraseListeners, listening } from '../setup/listeners.ts'
import { FAMILIES, type Family, JOIN, mesh, type Outsider } from '../setup/mesh.ts'
import { clientSeen } from '../setup/route.ts'

const PORT = 8080
const HBONE = 15008
const PORTS = [15001, 15006, HBONE]
/** A SYN is sent again after 1 s; Linux before 6.5 then doubles that time. And what a busy machine adds. */
const nextTry = (waited: number) => waited + 1000 + 10_000

const verifyInterval = '1h'

interface Kind {
  readonly name: string
  readonly direction: 'outbound' | 'inbound' | 'hbone'
  readonly family: Family
}

const KINDS: readonly Kind[] = (['outbound', 'inbound', 'hbone'] as const).flatMap((direction) =>
  FAMILIES.map((family) => ({ name: `${direction} ${family}`, direction, family }))
)
/** By a greeting of its server; who dials :15008 without a certificate is closed. */
const served = ({ direction }: Kind) => ({ ok: true, ended: direction === 'hbone' ? 'eof' : 'line' })

describe('while ztunnel is away', () => {
  const node = mesh({
    enrolled: ['app'],
    outsiders: ['peer'],
    agent: { config: { verifyInterval } }
  })
  const servers: { peer?: Server; app?: Server } = {}

  async function serve(app: Pod, peer: Outsider): Promise<void> {
    servers.peer ??= await peer.serve(PORT)
    servers.app ??= await app.serve(PORT)
  }

  function dial({ direction, family }: Kind, ...options: readonly (string | number)[]): Promise<Connected> {
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    if (direction === 'outbound') return app.connect(peer[family], PORT, ...options)
    if (direction === 'inbound') return peer.connect(app.address(family), PORT, ...options)
    // A real ztunnel waits for the first word.
    const more = node.ztunnel.real ? ['--send', 'hello'] : []
    return peer.connect(app.address(family), HBONE, ...more, ...options)
  }

  const seen = (): number => (servers.peer?.seen.length ?? 0) + (servers.app?.seen.length ?? 0)

  it('connections of all kinds wait, and are served at their next try when it is back', async () => {
    const app = node.pod('app')
    await serve(app, node.outsider('peer'))
    for (const kind of KINDS) expect(await dial(kind), kind.name).toMatchObject(served(kind))
    expect(await listening(node.world, app, 'parked')).toEqual(PORTS)

    const before = seen()
    await node.ztunnel.kill9()
    const began = Date.now()
    const done: string[] = []
    const dialled = KINDS.map(async (kind) => {
      const connected = await dial(kind)
      done.push(kind.name)
      return { kind, connected, at: Date.now() }
    })
    await sleep(600)
    expect(done).toEqual([])
    expect(seen()).toBe(before)

    await node.startZtunnel()
    await expect.poll(() => listening(node.world, app, 'ztunnel')).toEqual(PORTS)
    const back = Date.now()
    for (const { kind, connected, at } of await Promise.all(dialled)) {
      expect(connected, kind.name).toMatchObject(served(kind))
      expect(at - back, kind.name).toBeLessThan(nextTry(back - began))
      if (kind.direction === 'hbone') continue
      const way = { direction: kind.direction, src: String(connected.local), dst: String(connected.peer) }
      await node.ztunnel.waitForConnection(way)
      // Through ztunnel: the outbound server sees another port; inbound, the application the client's own address.
      if (kind.direction === 'outbound') expect(clientSeen(connected)).not.toBe(connected.local)
    }
    expect(seen()).toBe(before + KINDS.filter(({ direction }) => direction !== 'hbone').length)
    await node.agent.untilPod(app, 'enrolled')
  })

  it.each(KINDS)('without the parked listener nothing waits: $name', async (kind) => {
    const app = node.pod('app')
    await serve(app, node.outsider('peer'))
    await node.ztunnel.kill9()
    try {
      expect(await eraseListeners(node.world, app, 'parked')).toBe(PORTS.length)
      const before = seen()
      const connected = await dial(kind, '--timeout', 700)
      // IPv4 takes a dropped lookup for a lost packet on the way out, and sends no reset.
      const refused = kind.name === 'outbound ipv4' ? 'TIMEOUT' : 'ECONNREFUSED'
      expect(connected).toMatchObject({ ok: false, errno: refused })
      expect(seen()).toBe(before)
    } finally {
      await node.startZtunnel()
      // A change in the namespace has the pod looked at, with the agent's rounds as far apart as here.
      await app.ip('addr', 'add', '127.9.9.9/32', 'dev', 'lo')
      await app.ip('addr', 'del', '127.9.9.9/32', 'dev', 'lo')
      await expect.poll(() => listening(node.world, app, 'parked')).toEqual(PORTS)
      await expect.poll(() => listening(node.world, app, 'ztunnel')).toEqual(PORTS)
    }
    expect((await node.report()).drift.listener).toBeGreaterThanOrEqual(PORTS.length)
  })

  it('a pod that leaves keeps no parked listener', async () => {
    const app = node.pod('app')
    expect(await app.ip('rule')).toMatch(/fwmark/)
    await node.leave(app)
    expect(await listening(node.world, app, 'parked')).toEqual([])
    await node.join(app)
    expect(await listening(node.world, app, 'parked')).toEqual(PORTS)
    expect(app.annotations[JOIN]).toBe('true')
  })
})
