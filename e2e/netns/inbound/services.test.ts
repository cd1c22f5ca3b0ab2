// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it } from 'vitest'
import { host, type Server } from '../../world/place.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint, expectPlain } from '../setup/route.ts'

const PORT = 8080

const node = mesh({ enrolled: ['app', 'member'], plain: ['plain'] })
const app = (family: Family) => node.pod('app')[family]
const servers: Server[] = []

async function serve(...options: string[]): Promise<Server> {
  const server = await node.pod('app').serve(PORT, ...options)
  servers.push(server)
  return server
}

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

/** A connection of a pod outside the mesh: through ztunnel, from the pod's own address. */
async function expectInbound(family: Family): Promise<void> {
  const plain = node.pod('plain')
  const connected = await plain.connect(app(family), PORT)
  const to = endpoint(app(family), PORT)
  expect(connected).toMatchObject({ ok: true, peer: to, ended: 'line' })
  expect(host(clientSeen(connected))).toBe(plain[family])
  expect(clientSeen(connected)).not.toBe(connected.local)
  await node.ztunnel.waitForConnection({ direction: 'inbound', src: connected.local ?? '', dst: to })
}

const BINDS: readonly (readonly [string, readonly Family[], () => string])[] = [
  ['0.0.0.0', ['ipv4'], () => '0.0.0.0'],
  ['::', FAMILIES, () => '::'],
  ['the pod’s IPv4 address', ['ipv4'], () => app('ipv4')],
  ['the pod’s IPv6 address', ['ipv6'], () => app('ipv6')],
  ['the pod’s mapped address', ['ipv4'], () => `::ffff:${app('ipv4')}`]
]
const CASES = BINDS.flatMap(([name, families, bind]) =>
  families.map((family) => [name, family, bind] as const)
)

describe('a plain connection comes through ztunnel', () => {
  it.each(CASES)('to a service on %s: %s', async (_, family, bind) => {
    await serve('--bind', bind())
    await expectInbound(family)
  })

  it.each(CASES)('to SO_REUSEPORT services on %s: %s', async (_, family, bind) => {
    const both = [await serve('--bind', bind(), '--reuseport'), await serve('--bind', bind(), '--reuseport')]
    for (let i = 0; i < 200 && both.some(({ seen }) => seen.length === 0); i++) await expectInbound(family)
    expect(both.filter(({ seen }) => seen.length === 0)).toEqual([])
    expect(both.flatMap(({ peers }) => peers).every((peer) => peer === node.pod('plain')[family])).toBe(true)
  })

  it.each(FAMILIES)('though a process of the pod joins ztunnel’s own port: %s', async (family) => {
    await serve()
    const thief = await node.pod('app').serve(15006, '--reuseport')
    for (let i = 0; i < 8; i++) await expectInbound(family)
    expect(thief.seen).toEqual([])
    await thief.stop()
  })

  it.each(FAMILIES)('and so does HBONE, though a process of the pod joins :15008: %s', async (family) => {
    const thief = await node.pod('app').serve(15008, '--reuseport')
    for (let i = 0; i < 8; i++) {
      const connected = await node.pod('plain').connect(app(family), 15008, '--timeout', 1000)
      expect(connected).toMatchObject({ ok: true, data: expect.not.stringContaining('pod=') as string })
    }
    expect(thief.seen).toEqual([])
    await thief.stop()
  })

  it.each(FAMILIES)('and is plain with the mechanism off: %s', async (family) => {
    await serve()
    await without(node, 'lookup', async () => {
      expectPlain(await node.pod('plain').connect(app(family), PORT))
    })
  })

  it('and nothing comes to a service on loopback alone', async () => {
    const local = await serve('--bind', '127.0.0.1')
    const connected = await node.pod('plain').connect(app('ipv4'), PORT)
    expect(connected.data ?? '').toBe('')
    expect(local.seen).toEqual([])
    expectPlain(await node.pod('app').connect('127.0.0.1', PORT))
  })
})
