// SPDX-License-Identifier: Apache-2.0
// Cgroups that are not as a kubelet makes them.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { DIAL, Place } from '../../world/place.ts'
import { JOIN, mesh } from '../setup/mesh.ts'
import { endpoint, expectSteered } from '../setup/route.ts'

const PORT = 8080
const BELOW = [10, 40, 70]

const node = mesh({
  enrolled: ['app'],
  outsiders: ['server'],
  agent: { config: { scanInterval: '0s' } },
  ztunnel: { standIn: true }
})
const server = () => node.outsider('server')

beforeAll(() => server().serve(PORT))

describe('a second cgroup with the uid of a living pod', () => {
  it('is refused and told, and the pod stays as it is', async () => {
    const app = node.pod('app')
    const path = join(node.world.cgroup, 'kubepods', `pod${app.uid}`)
    const rival = new Place('rival', join(path, 'container'), app.netns)
    await rival.makeCgroup()
    const { agent } = await node.agent.until((report) => (report.agent.problems ?? []).length > 0)
    expect(agent.problems?.join()).toContain(`cgroup ${path} has the name of pod ${app.uid}`)
    const connected = await app.connect(server().ipv4, PORT)
    await expectSteered(node, connected, { from: app, family: 'ipv4', to: endpoint(server().ipv4, PORT) })
    const outside = new Place('rival', join(path, 'container'), `${node.world.prefix}-outside-server`)
    expect(await outside.connect(node.pod('app').ipv4, PORT)).toMatchObject({
      ok: false,
      errno: 'ECONNREFUSED'
    })
    expect((await node.report()).pods.filter(({ uid }) => uid === app.uid)).toHaveLength(1)
  })
})

describe('a process deep below its pod’s cgroup', () => {
  it.each(BELOW)(
    'is steered, or refused as long as nobody has seen its namespace: %i levels',
    async (levels) => {
      const pod = await node.world.pod({
        name: `deep-${levels}`,
        annotations: { [JOIN]: 'true' },
        sandbox: false
      })
      const deep = join(pod.podCgroup, ...Array.from({ length: levels }, () => 'n'))
      await mkdir(deep, { recursive: true })
      const place = new Place(pod.name, deep, pod.netns)
      const before = await node.report()
      const pause = place.spawn([DIAL, 'pause'])
      await pause.waitForEvent('paused')
      const isSeen = levels < 64
      if (isSeen) await node.agent.untilPod(pod, 'enrolled')
      const connected = await place.connect(server().ipv4, PORT)
      if (isSeen)
        await expectSteered(node, connected, { from: pod, family: 'ipv4', to: endpoint(server().ipv4, PORT) })
      else {
        expect(connected).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
        const { counters } = await node.report()
        expect(counters.unsighted ?? 0).toBeGreaterThan(before.counters.unsighted ?? 0)
      }
      await pause.stop()
    }
  )
})
