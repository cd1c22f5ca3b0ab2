// SPDX-License-Identifier: Apache-2.0
// A pod or a process of the node that keeps the agent busy: everybody else is served all the same.

import { randomUUID } from 'node:crypto'
import { mkdir, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../world/pod.ts'
import { startZtunnel } from '../../ztunnel/launch.ts'
import { JOIN, mesh } from '../setup/mesh.ts'
import { keysOf } from '../setup/pinned.ts'
import { endpoint, expectSteered } from '../setup/route.ts'

const PORT = 8080
const CGROUPS = 500
const NAMESPACES = 200
const IMPOSTORS = 10

const node = mesh({
  enrolled: ['app'],
  outsiders: ['server'],
  agent: { config: { log: { level: 'info' } } },
  // A real one knows no pod that comes later.
  ztunnel: { standIn: true }
})

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
})

/** The pod of the mesh is as it was, and another joins. */
async function expectServed(name: string): Promise<void> {
  const late = await node.world.pod({ name, annotations: { [JOIN]: 'true' } })
  await node.agent.untilPod(late, 'enrolled')
  const server = node.outsider('server').ipv4
  for (const from of [node.pod('app'), late] satisfies Pod[]) {
    const to = endpoint(server, PORT)
    await expectSteered(node, await from.connect(server, PORT), { from, family: 'ipv4', to })
  }
}

describe('cgroups named like pods', () => {
  const make = async (parent: string) => {
    const paths = Array.from({ length: CGROUPS }, () => join(parent, `pod${randomUUID()}`))
    for (const path of paths) await mkdir(path)
    return async () => {
      for (const path of paths) await rmdir(path)
    }
  }

  it('in a pod’s own cgroup are no pods, and wake nobody', async () => {
    const before = keysOf(node.world, 'cgroup_pod').length
    const rises = await node.counted(async () => {
      const remove = await make(node.pod('app').cgroup)
      expect(keysOf(node.world, 'cgroup_pod')).toHaveLength(before)
      await remove()
    })
    expect(rises.map_full).toBeUndefined()
    expect(rises.events ?? 0).toBeLessThan(CGROUPS / 10)
  })

  it('where only root can make them are held, and cost nobody else anything', async () => {
    const before = keysOf(node.world, 'cgroup_pod').length
    const remove = await make(dirname(node.pod('app').podCgroup))
    expect(keysOf(node.world, 'cgroup_pod').length).toBeGreaterThanOrEqual(before + CGROUPS)
    await expectServed('beside-cgroups')
    await remove()
    await expect.poll(() => keysOf(node.world, 'cgroup_pod').length, { timeout: 60_000 }).toBe(before + 1)
  })
})

it('a pod that makes namespace after namespace stays where it was, and nobody waits for it', async () => {
  const script = `i=0; while [ $i -lt ${NAMESPACES} ]; do unshare --net true; i=$((i+1)); done`
  const { pods, drift } = await node.report()
  const { netns } = pods.find(({ name }) => name === 'app') ?? {}
  const rises = await node.counted(async () => {
    const [stormed] = await Promise.all([
      node.pod('app').exec(['sh', '-c', script]),
      expectServed('beside-namespaces')
    ])
    expect(stormed.code).toBe(0)
  })
  expect(rises.events).toBeGreaterThanOrEqual(NAMESPACES)
  const after = await node.report()
  expect(after.pods.find(({ name }) => name === 'app')?.netns).toBe(netns)
  expect(after.drift).toEqual(drift)
})

it('processes that would be ztunnel, again and again, keep the true one from nothing', async () => {
  const { refusedZtunnels } = await node.report()
  const impostors = await Promise.all(
    Array.from({ length: IMPOSTORS }, () =>
      startZtunnel(node.world, { place: node.world.host, standIn: true })
    )
  )
  await node.agent.until((report) => report.refusedZtunnels >= refusedZtunnels + IMPOSTORS)
  await expectServed('beside-impostors')
  for (const { lines } of impostors) expect(lines.filter(({ event }) => event === 'add')).toEqual([])
  await Promise.all(impostors.map((each) => each.stop()))
})
