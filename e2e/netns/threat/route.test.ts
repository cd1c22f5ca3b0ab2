// SPDX-License-Identifier: Apache-2.0
// What goes to the pod's own addresses is left alone, and must stay in the pod.

import { beforeAll, describe, expect, it } from 'vitest'
import { captureByIptables } from '../../world/iptables.ts'
import type { Place, Server } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { must } from '../../world/running.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'
import { Wire } from '../setup/wire.ts'
import { routeOption } from './attempts.ts'

const PORT = 8080
const DNS_PORT = 53
const PATIENCE = ['--no-data', '--timeout', 300] as const
/** IPV6_2292PKTOPTIONS sets, among others, the routing header. */
const OLD_OPTIONS = '41:6:hex=00'

const node = mesh({
  enrolled: ['app'],
  plain: ['plain'],
  outsiders: ['server', 'far', 'farther'],
  // An agent that starts again has soon looked at every pod.
  agent: { config: { verifyInterval: '300ms' } }
})

describe('a route in the packet', () => {
  it.each(FAMILIES)('is refused to a pod of the mesh, and counted: %s', async (family) => {
    const app = node.pod('app')
    const option = routeOption(node.outsider('server')[family])
    const options = family === 'ipv4' ? [option] : [option, OLD_OPTIONS]
    for (const each of options) {
      const rises = await node.counted(async () => {
        const connected = await app.connect(app[family], PORT, '--set-before', each, ...PATIENCE)
        expect(connected).toMatchObject({ ok: false, stage: 'setsockopt', errno: 'EPERM' })
      })
      expect(rises).toMatchObject({ refused_setsockopt: 1 })
    }
  })

  it.each(FAMILIES)('may be taken away, and set by a pod outside: %s', async (family) => {
    const name = family === 'ipv4' ? '0:4' : '41:57'
    const none = await node.pod('app').connect(node.pod('app')[family], PORT, '--set-before', `${name}:hex=`)
    expect(none.stage).toBe('connect')
    const option = routeOption(node.outsider('server')[family])
    const plain = node.pod('plain')
    expect((await plain.connect(plain[family], PORT, '--set-before', option, ...PATIENCE)).stage).toBe(
      'connect'
    )
  })

  it.each(FAMILIES)('would take what is said to an own address to a server elsewhere: %s', async (family) => {
    const app = node.pod('app')
    const server = node.outsider('server')
    await without(node, 'setsockopt', async () => {
      const wire = await Wire.watch(server, PORT)
      await app.connect(app[family], PORT, '--set-before', routeOption(server[family]), ...PATIENCE)
      await expect.poll(() => wire.segments.length, { timeout: 60_000 }).toBeGreaterThan(0)
      await wire.stop()
    })
  })
})

const ETH1 = 'fd00:77::1'
const BY_ETH1 = ['--device', 'eth1', '--bind', ETH1] as const

/** fe80:: of its eth0. */
async function linkLocal(place: Place): Promise<string> {
  const shown = await place.ip('-6', '-o', 'addr', 'show', 'dev', 'eth0', 'scope', 'link')
  return /inet6 (fe80[0-9a-f:]+)/.exec(shown)?.[1] ?? `none in ${shown}`
}

/** Another network of the pod, on which a machine has the pod's own address too. */
async function another(pod: Pod, machine: Place): Promise<void> {
  const peer = ['type', 'veth', 'peer', 'name', 'eth1', 'netns', machine.netns]
  await must(['ip', '-n', pod.netns, 'link', 'add', 'eth1', ...peer])
  await pod.ip('addr', 'add', `${ETH1}/64`, 'dev', 'eth1', 'nodad')
  await pod.ip('link', 'set', 'eth1', 'up')
  await machine.ip('addr', 'add', 'fd00:77::2/64', 'dev', 'eth1', 'nodad')
  await machine.ip('addr', 'add', `${pod.ipv6}/128`, 'dev', 'eth1', 'nodad')
  await machine.ip('link', 'set', 'eth1', 'up')
  await pod.ip('-6', 'route', 'add', 'default', 'dev', 'eth1', 'metric', 9999)
}

describe('an own address, by the device of another network', () => {
  let stranger: Server
  let own: Server

  beforeAll(async () => {
    await another(node.pod('app'), node.outsider('far'))
    stranger = await node.outsider('far').serve(PORT)
    own = await node.pod('app').serve(PORT)
  })

  it('is the pod’s: the hook takes the device off', async () => {
    const app = node.pod('app')
    // Addresses that came later are learnt by netlink.
    const steered = async () => (await node.counted(() => app.connect(ETH1, PORT))).steered ?? 0
    await expect.poll(steered, { timeout: 60_000 }).toBe(0)
    const connected = await app.connect(app.ipv6, PORT, ...BY_ETH1)
    expectPlain(connected)
    expect(own.seen.map(({ peer }) => peer)).toContain(connected.local)
    expect(stranger.seen).toEqual([])
  })

  it('is the pod’s on the port of DNS too, by TCP and by UDP', async () => {
    const [app, far] = [node.pod('app'), node.outsider('far')]
    const strangers = [await far.serve(DNS_PORT), await far.serve(DNS_PORT, '--udp')]
    const ours = [await app.serve(DNS_PORT), await app.serve(DNS_PORT, '--udp')]
    const connected = await app.connect(app.ipv6, DNS_PORT, ...BY_ETH1)
    expectPlain(connected)
    // It answers from another of the pod's addresses, which a connected socket does not take.
    await app.connect(app.ipv6, DNS_PORT, ...BY_ETH1, '--udp', '--connected', '--timeout', 300)
    const rises = await node.counted(() => app.connect(app.ipv6, DNS_PORT, ...BY_ETH1, '--udp'))
    expect(rises).toMatchObject({ refused_device: 1 })
    expect(ours.map(({ seen }) => seen.length)).toEqual([1, 1])
    expect(strangers.flatMap(({ seen }) => seen)).toEqual([])
  })

  it('gets no device while it is connected', async () => {
    const app = node.pod('app')
    for (const option of ['SO_BINDTODEVICE:eth1', 'SO_BINDTOIFINDEX:%eth1']) {
      const connected = await app.connect(app.ipv6, PORT, '--set-after', option)
      expect(connected.after).toEqual([{ option, ok: false, errno: 'EPERM' }])
      expectPlain(connected)
    }
    const free = await node.pod('plain').connect('::1', PORT, '--set-after', 'SO_BINDTODEVICE:eth0')
    expect(free.after).toMatchObject([{ ok: true }])
  })

  it('is refused when it is link-local: its scope, which no hook is told, chooses the device', async () => {
    const app = node.pod('app')
    const before = stranger.seen.length
    const address = await linkLocal(app)
    await node.outsider('far').ip('addr', 'add', `${address}/64`, 'dev', 'eth1', 'nodad')
    const dial = () => app.connect(`${address}%eth1`, PORT, ...PATIENCE)
    expect(await dial()).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
    expect(stranger.seen).toHaveLength(before)
    await without(node, 'connect6', async () => {
      expect(await dial()).toMatchObject({ ok: true })
    })
  })

  it('would be the stranger’s', async () => {
    const app = node.pod('app')
    await without(node, 'connect6', async () => {
      const connected = await app.connect(app.ipv6, PORT, ...BY_ETH1)
      expect(connected).toMatchObject({ ok: true, ended: 'line' })
      expect(stranger.seen.map(({ peer }) => peer)).toContain(connected.local)
    })
  })

  it('is the stranger’s in a pod outside, and nobody’s with Istio’s rules', async () => {
    const [pod, machine] = [node.pod('plain'), node.outsider('farther')]
    await another(pod, machine)
    const there = await machine.serve(PORT)
    const connected = await pod.connect(pod.ipv6, PORT, ...BY_ETH1)
    expect(connected).toMatchObject({ ok: true, ended: 'line' })
    await captureByIptables(pod)
    expect(await pod.connect(pod.ipv6, PORT, ...BY_ETH1, ...PATIENCE)).toMatchObject({ ok: false })
    expect(there.seen.map(({ peer }) => peer)).toEqual([connected.local])
  })
})
