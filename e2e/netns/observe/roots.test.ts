// SPDX-License-Identifier: Apache-2.0
// Nobody names the cgroups that pods lie in: the agent looks for them, and the kernel tells of those that come later.

import { beforeAll, describe, expect, it } from 'vitest'
import type { CgroupLayout } from '../../world/cgroups.ts'
import { alone } from '../setup/alone.ts'
import { JOIN, mesh, type Outsider } from '../setup/mesh.ts'
import { expectSteeredTo } from '../setup/route.ts'

const PORT = 8080
const LATER: readonly CgroupLayout[] = [
  { driver: 'systemd', depth: 2 },
  { driver: 'cgroupfs', depth: 1 }
]
const SCANNED: CgroupLayout = { driver: 'cgroupfs', depth: 3 }

describe('without cgroupRoots', () => {
  const node = mesh({
    enrolled: ['early', { name: 'early-systemd', layout: { driver: 'systemd', depth: 0 } }],
    outsiders: ['peer'],
    agent: (world) => alone(world, { scanInterval: '0s' }),
    ztunnel: { standIn: true }
  })
  let peer: Outsider

  beforeAll(async () => {
    peer = node.outsider('peer')
    await peer.serve(PORT)
  })

  it.each(['early', 'early-systemd'])('pods that were there are found: %s', async (name) => {
    await expectSteeredTo(node, node.pod(name), peer, PORT)
  })

  it.each(LATER)('pods below a root that is made later are found: $driver, $depth deep', async (layout) => {
    const { resyncs } = await node.report()
    const from = await node.world.pod({
      name: `later-${layout.driver}`,
      layout,
      annotations: { [JOIN]: 'true' }
    })
    await node.agent.untilPod(from, 'enrolled')
    await expectSteeredTo(node, from, peer, PORT)
    // A root that is made is looked at; nothing else made the agent scan.
    expect((await node.report()).resyncs).toBe(resyncs)
  })

  it('a second pod below it is held from its first instruction', async () => {
    await node.ztunnel.kill9()
    await node.agent.until(({ ztunnels }) => ztunnels.length === 0)
    const next = await node.world.pod({
      name: 'next',
      layout: { driver: 'systemd', depth: 2 },
      annotations: { [JOIN]: 'true' }
    })
    expect(await next.connect(peer.ipv4, PORT)).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
    await node.startZtunnel({ standIn: true })
    await node.agent.untilPod(next, 'enrolled')
    expect(await next.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
  })
})

describe('without cgroupRoots and without events', () => {
  const node = mesh({
    enrolled: ['early'],
    outsiders: ['peer'],
    agent: (world) => alone(world, { processEvents: false, scanInterval: '500ms' }),
    ztunnel: { standIn: true }
  })

  it('pods below a root that only a scan finds are steered like others', async () => {
    const peer = node.outsider('peer')
    await peer.serve(PORT)
    const from = await node.world.pod({ name: 'later', layout: SCANNED, annotations: { [JOIN]: 'true' } })
    await node.agent.untilPod(from, 'enrolled')
    await expectSteeredTo(node, from, peer, PORT)
  })
})
