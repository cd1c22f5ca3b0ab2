// SPDX-License-Identifier: Apache-2.0
// Between the kubelet and the pod somebody translates addresses, as some CNI plugins do, under a STRICT policy.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Agent } from '../../world/agent.ts'
import { host, Place } from '../../world/place.ts'
import { must } from '../../world/running.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { clientSeen, expectPlain } from '../setup/route.ts'
import { Segment } from '../setup/segment.ts'

const PORT = 8080
const OTHER = 8081
const VERSION = { ipv4: '-4', ipv6: '-6' } as const
const NODE = { ipv4: '10.79.0.2', ipv6: 'fd79::2' }
const GATE = { ipv4: '10.79.0.3', ipv6: 'fd79::3' }
const NETWORK = { ipv4: '10.79.0.0/20', ipv6: 'fd79::/64' }

const settings = (prefix: string, addresses: readonly string[] = []) => ({
  verifyInterval: '300ms',
  kubelet: { cgroup: `/${prefix}/kubelet.service`, addresses },
  metrics: { address: '127.0.0.1:0' }
})

const node = mesh({
  enrolled: [{ name: 'app', probe: PORT }],
  outsiders: ['router'],
  agent: ({ prefix }) => ({ config: settings(prefix) }),
  ztunnel: { strict: true }
})
const app = () => node.pod('app')
let kubelet: Place

/** The kubelet's node behind a router: its connections leave with its own address until the router translates. */
beforeAll(async () => {
  const router = node.outsider('router')
  const segment = new Segment(node.world, 'node')
  await segment.open()
  await segment.attach(router.netns, 'eth1', GATE)
  const netns = `${node.world.prefix}-node`
  await segment.connect(netns, NODE)
  kubelet = new Place('kubelet', node.world.kubelet.cgroup, netns)
  await inside(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  for (const family of FAMILIES) {
    await kubelet.ip(VERSION[family], 'route', 'add', 'default', 'via', GATE[family], 'dev', 'eth0')
    await app().ip(VERSION[family], 'route', 'add', NETWORK[family], 'via', router[family], 'dev', 'eth0')
  }
  for (const port of [PORT, OTHER]) await app().serve(port)
})

function inside(place: Place, ...argv: string[]): Promise<unknown> {
  return must(['ip', 'netns', 'exec', place.netns, ...argv])
}

function told(agent: Agent): Promise<string> {
  return agent
    .until(() => true)
    .then(({ pods }) => {
      const { conditions = [] } = pods.find(({ uid }) => uid === app().uid) ?? {}
      return conditions.find(({ kind }) => kind === 'probes')?.message ?? ''
    })
}

describe('the kubelet’s probes', () => {
  it.each(FAMILIES)('are exempt and nothing is told while nobody translates them: %s', async (family) => {
    expectPlain(await kubelet.connect(app()[family], PORT))
    await node.agent.untilPod(app(), 'verified')
    expect(await told(node.agent)).toBe('')
  })

  it('that are translated fail, which is told with the address and the remedy', async () => {
    const chain = 'type nat hook postrouting priority 100; oifname "eth0" masquerade;'
    const { netns } = node.outsider('router')
    await must(
      ['ip', 'netns', 'exec', netns, 'nft', '-f', '-'],
      `table inet gate { chain post { ${chain} }; }`
    )
    for (const family of FAMILIES) {
      const connected = await kubelet.connect(app()[family], PORT, '--timeout', 3000)
      expect(connected.data ?? '').toBe('')
    }
    await expect.poll(() => told(node.agent)).toContain("the kubelet's address is translated on the way")
    const { ipv4, ipv6 } = node.outsider('router')
    expect([ipv4, ipv6].some((from) => node.agent.output.includes(`were dialled from ${from}`))).toBe(true)
    expect(await told(node.agent)).toContain('kubelet.addresses')
    expect((await node.agent.cli('status')).stdout).toMatch(/default\/app, probes: /)
    await node.agent.waitForLog(
      ({ event, reason }) => event === 'condition' && String(reason).startsWith('probes: ')
    )
    const { address } = await node.agent.waitForLog(({ msg }) => msg === 'metrics are served')
    const metrics = await (await fetch(`http://${String(address)}/metrics`)).text()
    expect(metrics).toContain('sluice_pod_conditions{condition="probes"} 1')
  })

  it('pass by the addresses that the operator names, at the declared port alone', async () => {
    const router = node.outsider('router')
    await node.agent.stop()
    const config = settings(node.world.prefix, [router.ipv4, router.ipv6])
    const agent = await node.world.agent({ config })
    await agent.untilPod(app(), 'verified')
    for (const family of FAMILIES) {
      const connected = await kubelet.connect(app()[family], PORT)
      expect(connected).toMatchObject({ ok: true, ended: 'line' })
      expect(host(clientSeen(connected))).toBe(router[family])
      const other = await kubelet.connect(app()[family], OTHER, '--timeout', 3000)
      expect(other.data ?? '').toBe('')
      const stranger = await node.world.host.connect(app()[family], PORT, '--timeout', 3000)
      expect(stranger.data ?? '').toBe('')
    }
    await expect
      .poll(async () => {
        await kubelet.connect(app().ipv4, PORT)
        return told(agent)
      })
      .toBe('')
  })
})
