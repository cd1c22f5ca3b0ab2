// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Place } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import type { World } from '../../world/world.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { endpoint, expectSteered } from '../setup/route.ts'
import { Segment } from '../setup/segment.ts'

const PORT = 8080

// A real ztunnel knows pods by their addresses.
const node = mesh({ enrolled: ['app'], outsiders: ['one'], ztunnel: { standIn: true } })

beforeAll(async () => {
  await node.outsider('one').serve(PORT, '--quiet')
})

describe('two pods with the same addresses', () => {
  /** A pod and a server, both with the addresses that their namesakes have on the world's bridge. */
  async function namesakes(world: World, app: Pod): Promise<{ pod: Pod; server: Place }> {
    const segment = new Segment(world, 'other')
    const server = new Place(
      'other-server',
      join(world.cgroup, 'outside/other'),
      `${world.prefix}-other-server`
    )
    const pod = await world.pod({ name: 'other', ipv4: app.ipv4, ipv6: app.ipv6, start: false })
    await segment.open()
    await server.makeCgroup()
    await segment.connect(server.netns, node.outsider('one'))
    await pod.writeManifest()
    await pod.makeCgroup()
    await segment.connect(pod.netns, app)
    await pod.startSandbox()
    return { pod, server }
  }

  it('are each steered by their own ztunnel, also with the same 4-tuple at the same time', async () => {
    const app = node.pod('app')
    const one = node.outsider('one')
    const { pod, server } = await namesakes(node.world, app)
    await server.serve(PORT)
    await node.join(pod)
    for (const family of FAMILIES) {
      // The client takes the first port, ztunnel the second.
      const dial = ['connect', one[family], PORT, '--local-ports', '41000-41001', '--hold']
      const clients = [app, pod].map((place) => place.startDial(...dial))
      const lines = await Promise.all(clients.map((client) => client.waitFor(({ ms }) => ms !== undefined)))
      for (const [index, from] of [app, pod].entries()) {
        const connected = lines[index] as never
        await expectSteered(node, connected, { from, family, to: endpoint(one[family], PORT) })
      }
      expect(lines[0]?.local).toBe(lines[1]?.local)
      expect(lines.map(({ data }) => / pod=(\S+)/.exec(String(data))?.[1])).toEqual(['one', 'other-server'])
      await Promise.all(clients.map((client) => client.stop()))
    }
    const told = node.ztunnel.opened().filter(({ src }) => src.endsWith(':41000'))
    expect(told).toHaveLength(4)
  })
})
