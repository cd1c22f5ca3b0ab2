// SPDX-License-Identifier: Apache-2.0
// A pod's identity is its network namespace's. Whoever is not in it does not get it.

import { dirname } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Place } from '../../world/place.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const PROXY_PORTS = [15001, 15006] as const
const FAMILIES_AND_PORTS = FAMILIES.flatMap((family) => PROXY_PORTS.map((port) => [family, port] as const))
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const
const REFUSED = { ok: false, errno: 'ECONNREFUSED' }

const node = mesh({
  enrolled: ['app', 'member'],
  plain: ['plain', { name: 'node-agent', hostNetwork: true }],
  outsiders: ['server'],
  agent: ({ prefix }) => ({ config: { kubelet: { cgroup: `/${prefix}/kubelet.service` } } })
})

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
  await node.pod('app').serve(PORT)
})

describe('a pod of the node’s own network', () => {
  it.each(FAMILIES)('is not the kubelet: it comes through ztunnel: %s', async (family) => {
    const to = endpoint(node.pod('app')[family], PORT)
    const connected = await node.pod('node-agent').connect(node.pod('app')[family], PORT)
    expect(connected).toMatchObject({ ok: true, ended: 'line' })
    expect(clientSeen(connected)).not.toBe(connected.local)
    await node.ztunnel.waitForConnection({ direction: 'inbound', src: connected.local ?? '', dst: to })
  })

  it.each(FAMILIES_AND_PORTS)('does not dial ztunnel’s port: %s, %i', async (family, port) => {
    expect(await node.pod('node-agent').connect(node.pod('app')[family], port)).toMatchObject(REFUSED)
  })
})

describe('a process that entered another network namespace', () => {
  it.each(FAMILIES)('of a pod outside is that pod: %s', async (family) => {
    const guest = new Place('guest', node.pod('app').cgroup, node.pod('plain').netns)
    const connected = await guest.connect(node.outsider('server')[family], PORT)
    expectPlain(connected)
  })

  it.each(FAMILIES)('of a pod of the mesh is that pod: %s', async (family) => {
    const from = node.pod('member')
    const guest = new Place('guest', node.pod('app').cgroup, from.netns)
    const server = node.outsider('server')[family]
    await expectSteered(node, await guest.connect(server, PORT), { from, family, to: endpoint(server, PORT) })
  })

  it.each(FAMILIES)('of the node is the node: %s', async (family) => {
    const guest = new Place('guest', node.pod('app').cgroup, '-')
    expectPlain(await guest.connect(node.outsider('server')[family], PORT))
  })
})

describe('ztunnel’s port is refused inside the pod’s own namespace', () => {
  it.each(FAMILIES_AND_PORTS)(
    'to a process of the node, of another pod and of the kubelet: %s, %i',
    async (family, port) => {
      const { netns } = node.pod('app')
      const cgroups = [node.world.host, node.pod('member'), node.world.kubelet].map(({ cgroup }) => cgroup)
      for (const cgroup of [...cgroups, dirname(dirname(node.pod('app').podCgroup))]) {
        const guest = new Place('guest', cgroup, netns)
        for (const address of [LOOPBACK[family], node.pod('app')[family]])
          expect(await guest.connect(address, port), `${address} from ${cgroup}`).toMatchObject(REFUSED)
      }
    }
  )
})
