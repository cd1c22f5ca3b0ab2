// SPDX-License-Identifier: Apache-2.0
// Pods that are made again under the same name, that come in crowds, and that leave nothing behind.

import { statSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../world/pod.ts'
import { JOIN, mesh, type Outsider } from '../setup/mesh.ts'
import { addressOwners, keysOf, tracesOf } from '../setup/pinned.ts'

const PORT = 8080
const CROWD = 50

describe('pods', () => {
  const node = mesh({ enrolled: ['first'], outsiders: ['peer'], ztunnel: { standIn: true } })
  let peer: Outsider

  beforeAll(async () => {
    peer = node.outsider('peer')
    await peer.serve(PORT)
  })

  const cgroupId = ({ podCgroup }: Pod) => statSync(podCgroup, { bigint: true }).ino

  async function untilVerified(pod: Pod): Promise<void> {
    const cookie = String(await pod.cookie())
    await node.agent.until(({ pods }) =>
      pods.some(({ uid, netns, state }) => uid === pod.uid && netns === cookie && state === 'verified')
    )
  }

  it('that existed before the agent are found', async () => {
    const { pods } = await node.report()
    expect(pods.find(({ name }) => name === 'first')).toMatchObject({
      namespace: 'default',
      ips: [node.pod('first').ipv4, node.pod('first').ipv6]
    })
    expect(node.pod('first').podCgroup.endsWith(pods[0]?.cgroup ?? '?')).toBe(true)
  })

  it.each(['same', 'new'] as const)(
    'made again with the %s uid are enrolled again, and the former forgotten',
    async (uid) => {
      const pod = await node.world.pod({ name: `again-${uid}`, annotations: { [JOIN]: 'true' } })
      await untilVerified(pod)
      const former = { cookie: await pod.cookie(), id: cgroupId(pod) }
      expect(tracesOf(node.world, former.cookie)).not.toEqual([])
      await pod.restart({ uid })
      expect(await pod.cookie()).not.toBe(former.cookie)
      await untilVerified(pod)
      const opened = node.ztunnel.opened().length
      expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
      expect(await pod.connect(peer.ipv6, PORT)).toMatchObject({ ok: true })
      expect(node.ztunnel.opened()).toHaveLength(opened + 2)
      expect(tracesOf(node.world, former.cookie)).toEqual([])
      expect(keysOf(node.world, 'cgroup_pod').includes(former.id)).toBe(uid === 'same')
    }
  )

  it(`are all enrolled, ${CROWD} at once, and leave no entry when they go`, async () => {
    const names = Array.from({ length: CROWD }, (_, index) => `crowd-${index}`)
    const pods = await Promise.all(
      names.map((name) => node.world.pod({ name, annotations: { [JOIN]: 'true' } }))
    )
    for (const pod of pods) await node.agent.untilPod(pod, 'verified')
    const opened = node.ztunnel.opened().length
    const connected = await Promise.all(pods.map((pod) => pod.connect(peer.ipv4, PORT)))
    expect(connected.filter(({ ok }) => ok)).toHaveLength(CROWD)
    expect(node.ztunnel.opened()).toHaveLength(opened + CROWD)

    const cookies = await Promise.all(pods.map((pod) => pod.cookie()))
    const ids = pods.map(cgroupId)
    for (const pod of pods) await pod.remove()
    const uids = new Set(pods.map(({ uid }) => uid))
    await node.agent.until((report) => report.pods.every(({ uid }) => !uids.has(uid)))
    for (const uid of uids) {
      await node.ztunnel.waitFor((line) => line.event === 'stopped' && line.uid === uid)
    }
    const left = {
      cgroups: keysOf(node.world, 'cgroup_pod').filter((id) => ids.includes(id)),
      records: keysOf(node.world, 'pod_record').filter((id) => ids.includes(id)),
      addresses: addressOwners(node.world).filter((cookie) => cookies.includes(cookie)),
      traces: cookies.flatMap((cookie) => tracesOf(node.world, cookie))
    }
    expect(left).toEqual({ cgroups: [], records: [], addresses: [], traces: [] })
  })
})
