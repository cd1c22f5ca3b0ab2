// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import type { PodOptions } from '../../world/pod.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const LAYOUTS = (['cgroupfs', 'systemd'] as const).flatMap((driver) =>
  [0, 1, 3].flatMap((depth) =>
    (['guaranteed', 'burstable', 'besteffort'] as const).map((qos) => ({ driver, depth, qos }))
  )
)

function podOf({ driver, depth, qos }: (typeof LAYOUTS)[number], kind: string): PodOptions {
  return { name: `${kind}-${driver}-${depth}-${qos}`, layout: { driver, depth }, qos }
}

const node = mesh({
  enrolled: LAYOUTS.map((layout) => podOf(layout, 'in')),
  plain: LAYOUTS.map((layout) => podOf(layout, 'out')),
  outsiders: ['server']
})

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
})

describe('pods of every layout of cgroups, all on one node', () => {
  it.each(LAYOUTS)('$driver, $depth deep, $qos', async (layout) => {
    const from = node.pod(podOf(layout, 'in').name)
    const beside = await from.container()
    for (const family of FAMILIES) {
      const server = node.outsider('server')[family]
      const ends = { from, family, to: endpoint(server, PORT) }
      await expectSteered(node, await from.connect(server, PORT), ends)
      await expectSteered(node, await beside.connect(server, PORT), ends)
      expectPlain(await node.pod(podOf(layout, 'out').name).connect(server, PORT))
    }
  })

  it('steers a process in a cgroup that the container made itself', async () => {
    const from = node.pod('in-systemd-3-burstable')
    const deeper = Object.assign(await from.container(), { cgroup: `${from.cgroup}/a/b/c/d` })
    await deeper.makeCgroup()
    const connected = await deeper.connect(node.outsider('server').ipv4, PORT)
    expect(clientSeen(connected)).not.toBe(connected.local)
    await expectSteered(node, connected, {
      from,
      family: 'ipv4',
      to: endpoint(node.outsider('server').ipv4, PORT)
    })
  })
})
