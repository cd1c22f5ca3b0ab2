// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import type { Connected } from '../../world/place.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const MANNERS: readonly (readonly [string, ...string[]])[] = [
  ['plain'],
  ['non-blocking', '--nonblock'],
  ['TCP Fast Open', '--tfo'],
  ['MPTCP', '--mptcp'],
  ['non-blocking MPTCP', '--mptcp', '--nonblock'],
  ['io_uring', '--uring'],
  ['io_uring, asynchronous', '--uring-async'],
  ['io_uring, SQPOLL', '--uring-sqpoll']
]
const FAMILIES_AND_MANNERS = FAMILIES.flatMap((family) => MANNERS.map((manner) => [family, manner] as const))
const PORT = 8080

const node = mesh({ enrolled: ['app'], plain: ['plain', 'server'] })
const server = (family: Family) => node.pod('server').address(family)

beforeAll(async () => {
  await node.pod('server').serve(PORT)
  // Client and every listener, data in the SYN, no cookie.
  await node.pod('app').sysctl('net.ipv4.tcp_fastopen', 0x607)
})

describe('a connect of a pod in the mesh', () => {
  it.each(FAMILIES_AND_MANNERS)('%s goes to ztunnel: %s', async (family, [, ...options]) => {
    const from = node.pod('app')
    const connected = await from.connect(server(family), PORT, ...options)
    await expectSteered(node, connected, { from, family, to: endpoint(server(family), PORT) })
  })

  it('is plain for a pod outside the mesh', async () => {
    for (const family of FAMILIES) expectPlain(await node.pod('plain').connect(server(family), PORT))
  })

  it.each(MANNERS)('to an IPv4-mapped address goes to ztunnel: %s', async (_, ...options) => {
    const from = node.pod('app')
    const connected = await from.connect(`::ffff:${server('ipv4')}`, PORT, ...options)
    expect(connected.peer).toBe(`[::ffff:${server('ipv4')}]:${PORT}`)
    await expectSteered(node, connected, { from, family: 'ipv4', to: endpoint(server('ipv4'), PORT) })
  })

  it.each(FAMILIES)('that nobody answers is refused by the far end, through ztunnel: %s', async (family) => {
    const connected = await node.pod('app').connect(server(family), 81)
    expect(connected).toMatchObject({ ok: true, data: '' })
    await node.ztunnel.waitForConnection({ src: connected.local ?? '', dst: endpoint(server(family), 81) })
  })
})

describe('a second connect on the same socket', () => {
  it.each(FAMILIES)('is steered after AF_UNSPEC: %s', async (family) => {
    const from = node.pod('app')
    const again = ['--again', server(family), PORT]
    const lines = await from.dialAll('connect', server(family), PORT, ...again)
    await expectSteered(node, lines[1] as unknown as Connected, {
      from,
      family,
      to: endpoint(server(family), PORT)
    })
  })

  it.each(FAMILIES)('is steered after a failure: %s', async (family) => {
    const from = node.pod('app')
    const loopback = family === 'ipv4' ? '127.0.0.1' : '::1'
    const again = ['--after-failure', server(family), PORT]
    const [first, second] = await from.dialAll('connect', loopback, 82, ...again)
    expect(first).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
    await expectSteered(node, second as unknown as Connected, {
      from,
      family,
      to: endpoint(server(family), PORT)
    })
  })

  it.each(FAMILIES)('to loopback is plain: %s', async (family) => {
    const from = node.pod('app')
    const loopback = family === 'ipv4' ? '127.0.0.1' : '::1'
    const local = await from.serve(8081)
    const again = ['--again', loopback, 8081]
    const lines = await from.dialAll('connect', server(family), PORT, ...again)
    expectPlain(lines[1] as unknown as Connected)
    expect(local.peers).toEqual([loopback])
    await local.stop()
  })
})
