// SPDX-License-Identifier: Apache-2.0
// Kubepods roots so far apart that no hook looks at both ends.

import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { pod_limits } from '#contract'
import type { CgroupLayout } from '../../world/cgroups.ts'
import type { PodOptions } from '../../world/pod.ts'
import { FAMILIES, JOIN, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const { POD_LEVELS } = pod_limits

/** Below a root that lies so many levels below the highest one, which the world has in its own cgroup. */
const pod = (name: string, depth: number): PodOptions & { readonly layout: CgroupLayout } => ({
  name,
  qos: 'guaranteed',
  layout: { driver: 'cgroupfs', depth },
  annotations: { [JOIN]: 'true' }
})
const DEEPEST = pod('deepest', POD_LEVELS - 1)
const BEYOND = pod('beyond', POD_LEVELS)

const node = mesh({
  prepare: async (world) => {
    await world.pod(BEYOND)
  },
  enrolled: ['app', DEEPEST],
  outsiders: ['server'],
  agent: { config: { scanInterval: '500ms' } },
  ztunnel: { standIn: true }
})

beforeAll(() => node.outsider('server').serve(PORT))

const rootOf = (depth: number) =>
  join(node.world.cgroup, ...Array.from({ length: depth }, (_, index) => `nested${index}`), 'kubepods')

const toldOf = (root: string) =>
  `kubepods cgroup ${root} lies ${POD_LEVELS} or more levels below another one: its pods are not served`

describe('a pod below a root', () => {
  it.each(FAMILIES)(`${POD_LEVELS - 1} levels below the highest is steered: %s`, async (family) => {
    const server = node.outsider('server')
    const [from, to] = [node.pod('deepest'), endpoint(server[family], PORT)]
    await expectSteered(node, await from.connect(server[family], PORT), { from, family, to })
    expect((await node.report()).agent.problems?.join('\n')).not.toContain(toldOf(rootOf(POD_LEVELS - 1)))
  })

  it(`${POD_LEVELS} levels below it is told, and neither enrolled nor steered`, async () => {
    const server = node.outsider('server')
    const { agent } = await node.agent.until(({ agent: { problems = [] } }) => problems.length > 0)
    expect(agent.problems).toContain(toldOf(rootOf(POD_LEVELS)))
    expect((await node.agent.cli('status')).stdout).toContain(toldOf(rootOf(POD_LEVELS)))
    const beyond = node.pod('beyond')
    for (const family of FAMILIES) expectPlain(await beyond.connect(server[family], PORT))
    const { resyncs } = await node.report()
    const { pods } = await node.agent.until((report) => report.resyncs > resyncs + 1)
    expect(pods.find(({ uid }) => uid === beyond.uid)).toMatchObject({ state: 'known' })
  })

  it('made later below the same root is not held either', async () => {
    const later = await node.world.pod({ ...BEYOND, name: 'later' })
    expectPlain(await later.connect(node.outsider('server').ipv4, PORT))
  })
})
