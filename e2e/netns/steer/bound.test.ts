// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import { DIAL, type Place } from '../../world/place.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const
const DEVICES = [
  ['SO_BINDTODEVICE eth0', '--device', 'eth0'],
  ['SO_BINDTODEVICE lo', '--device', 'lo'],
  ['SO_BINDTOIFINDEX eth0', '--set-before', 'SO_BINDTOIFINDEX:%eth0'],
  ['unicast interface eth0', '--unicast-if', 'eth0'],
  ['SO_DONTROUTE', '--dontroute']
] as const
const FAMILIES_AND_DEVICES = FAMILIES.flatMap((family) => DEVICES.map((device) => [family, device] as const))

const node = mesh({ enrolled: ['app'], plain: ['plain'], outsiders: ['server', 'byhand'] })
const server = (family: Family) => node.outsider('server')[family]

/** fe80:: of its eth0. */
async function linkLocal(place: Place): Promise<string> {
  const shown = await place.ip('-6', '-o', 'addr', 'show', 'dev', 'eth0', 'scope', 'link')
  return /inet6 (fe80[0-9a-f:]+)/.exec(shown)?.[1] ?? `none in ${shown}`
}

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
})

describe('a socket bound to an address', () => {
  it.each(FAMILIES)('of the pod is steered with it: %s', async (family) => {
    const from = node.pod('app')
    const connected = await from.connect(server(family), PORT, '--bind', from.address(family))
    await expectSteered(node, connected, { from, family, to: endpoint(server(family), PORT) })
  })

  it.each(FAMILIES)('of loopback is refused: %s', async (family) => {
    const rises = await node.counted(async () => {
      const connected = await node.pod('app').connect(server(family), PORT, '--bind', LOOPBACK[family])
      expect(connected).toMatchObject({ ok: false, errno: 'EINVAL', stage: 'connect' })
    })
    expect(rises).toMatchObject({ refused_loopback: 1 })
  })

  it('of IPv6 loopback sends packets without the hook', async () => {
    const connected = await node.pod('plain').connect(server('ipv6'), PORT, '--bind', '::1', '--timeout', 200)
    expect(connected.errno).not.toBe('EINVAL')
  })
})

describe('a socket bound to a device', () => {
  it.each(FAMILIES_AND_DEVICES)('is steered all the same: %s, %s', async (family, [, ...options]) => {
    const from = node.pod('app')
    const connected = await from.connect(server(family), PORT, ...options)
    await expectSteered(node, connected, { from, family, to: endpoint(server(family), PORT) })
  })

  it.each(['app', 'plain'])(
    'fails when its index is cut short, in and outside the mesh: %s',
    async (name) => {
      const connected = await node.pod(name).connect(server('ipv4'), PORT, '--set-before', '1:62:hex=01')
      expect(connected).toMatchObject({ ok: false, stage: 'setsockopt', errno: 'EINVAL' })
    }
  )

  it('is counted when the hook takes the device off', async () => {
    const rises = await node.counted(() => node.pod('app').connect(server('ipv4'), PORT, '--device', 'eth0'))
    expect(rises).toMatchObject({ device_unbound: 1, steered: 1 })
  })

  it.each(FAMILIES)(
    'is refused to a process without CAP_NET_RAW, for which the device stays: %s',
    async (family) => {
      const app = node.pod('app')
      const dial = ['connect', server(family), PORT, '--device', 'eth0']
      const rises = await node.counted(async () => {
        const { lines } = await app.exec(['setpriv', '--bounding-set', '-net_raw', DIAL, ...dial])
        expect(lines).toMatchObject([{ ok: false, errno: 'ECONNREFUSED', stage: 'connect' }])
      })
      expect(rises).toMatchObject({ refused_device: 1 })
    }
  )

  // Mark and routes alone, as if the hook had left the device on. In IPv6 the rule that refuses would still help.
  it.each(FAMILIES)('would leave in the clear: %s', async (family) => {
    const machine = node.outsider('byhand')
    const version = family === 'ipv4' ? '-4' : '-6'
    await machine.ip(version, 'rule', 'add', 'pref', 1, 'fwmark', '0x51c', 'lookup', 5151)
    if (family === 'ipv4')
      await machine.ip(version, 'rule', 'add', 'pref', 2, 'fwmark', '0x51c', 'unreachable')
    const src = machine[family]
    await machine.ip(version, 'route', 'add', 'local', 'default', 'dev', 'lo', 'src', src, 'table', 5151)
    const marked = ['--mark', '0x51c']
    const lost = await machine.connect(server(family), PORT, ...marked, '--timeout', 200)
    expect(lost).toMatchObject({ ok: false })
    expectPlain(await machine.connect(server(family), PORT, ...marked, '--device', 'eth0'))
  })
})

describe('a destination with a scope', () => {
  it('is steered when it is a global address', async () => {
    const from = node.pod('app')
    const connected = await from.connect(`${server('ipv6')}%eth0`, PORT)
    await expectSteered(node, connected, { from, family: 'ipv6', to: endpoint(server('ipv6'), PORT) })
  })

  it('is refused when it is link-local, and reached from outside the mesh', async () => {
    const neighbour = `${await linkLocal(node.outsider('server'))}%eth0`
    await expect.poll(async () => (await node.pod('plain').connect(neighbour, PORT)).ok).toBe(true)
    const rises = await node.counted(async () => {
      const connected = await node.pod('app').connect(neighbour, PORT)
      expect(connected).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
    })
    expect(rises).toMatchObject({ refused_link_local: 1 })
  })
})
