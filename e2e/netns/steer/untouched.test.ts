// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import { host } from '../../world/place.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'

const PORT = 8080
const OWN: readonly (readonly [string, (own: (family: Family) => string) => string])[] = [
  ['its own IPv4 address', (own) => own('ipv4')],
  ['its own IPv6 address', (own) => own('ipv6')],
  ['its own IPv4 address, mapped', (own) => `::ffff:${own('ipv4')}`],
  ['127.0.0.1', () => '127.0.0.1'],
  ['127.8.9.10', () => '127.8.9.10'],
  ['::1', () => '::1'],
  ['::ffff:127.0.0.1', () => '::ffff:127.0.0.1'],
  ['0.0.0.0', () => '0.0.0.0'],
  ['::', () => '::'],
  ['::ffff:0.0.0.0', () => '::ffff:0.0.0.0'],
  ['a secondary IPv4 address', () => '10.1.2.3'],
  ['a secondary IPv6 address', () => 'fd00:1:2::3']
]

const node = mesh({
  enrolled: ['app'],
  outsiders: ['server']
})

beforeAll(async () => {
  await node.pod('app').ip('addr', 'add', '10.1.2.3/32', 'dev', 'eth0')
  await node.pod('app').ip('addr', 'add', 'fd00:1:2::3/128', 'dev', 'eth0', 'nodad')
  await node.pod('app').serve(PORT)
  await node.outsider('server').serve(PORT)
})

describe('left alone is', () => {
  it.each(OWN)('a connect to %s', async (_, address) => {
    const app = node.pod('app')
    const dialled = address((family) => app.address(family))
    // Addresses that came later are learnt by netlink.
    await expect.poll(async () => (await node.counted(() => app.connect(dialled, PORT))).steered ?? 0).toBe(0)
    const rises = await node.counted(async () => expectPlain(await app.connect(dialled, PORT)))
    expect(rises.steered).toBeUndefined()
    expect(rises.inbound_inbound).toBeUndefined()
  })

  it.each(FAMILIES)('nothing else: the server is reached through ztunnel: %s', async (family) => {
    const rises = await node.counted(() => node.pod('app').connect(node.outsider('server')[family], PORT))
    expect(rises).toMatchObject({ steered: 1 })
  })

  it.each(
    FAMILIES.flatMap(
      (family) =>
        [
          [family, 'unconnected'],
          [family, 'connected']
        ] as const
    )
  )('UDP, in both directions: %s, %s', async (family, kind) => {
    const app = node.pod('app')
    const outsider = node.outsider('server')
    for (const [from, to] of [
      [app, outsider],
      [outsider, app]
    ] as const) {
      const served = await to.serve(9000, '--udp')
      const flags = kind === 'connected' ? ['--connected'] : []
      const answered = await from.connect(to[family], 9000, '--udp', ...flags)
      expect(answered).toMatchObject({ ok: true })
      expect(host(answered.from ?? '')).toBe(to[family])
      expect(served.peers).toEqual([from[family]])
      await served.stop()
    }
  })

  it.each(FAMILIES)('ICMP, in both directions: %s', async (family) => {
    const app = node.pod('app')
    const outsider = node.outsider('server')
    for (const place of [app, outsider]) await place.sysctl('net.ipv4.ping_group_range', '0 2147483647')
    expect(await app.dial('ping', outsider[family])).toMatchObject({ ok: true })
    expect(await outsider.dial('ping', app[family])).toMatchObject({ ok: true })
  })
})
