// SPDX-License-Identifier: Apache-2.0
// What happens to pods while no agent runs, the next one finds.

import { statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { JOIN, mesh } from '../setup/mesh.ts'
import { keysOf, tracesOf } from '../setup/pinned.ts'

const PORT = 8080

describe('while no agent runs', () => {
  const node = mesh({
    enrolled: ['stays', 'ends', 'moves', 'leaves'],
    outsiders: ['peer'],
    ztunnel: { standIn: true }
  })

  it('pods end, begin, move and leave, and the next agent finds all that', async () => {
    const { world, agent, ztunnel } = node
    const peer = node.outsider('peer')
    await peer.serve(PORT)
    const [ends, moves, leaves] = [node.pod('ends'), node.pod('moves'), node.pod('leaves')]
    const ended = { id: statSync(ends.podCgroup, { bigint: true }).ino, cookie: await ends.cookie() }
    const former = await moves.cookie()
    expect(keysOf(world, 'cgroup_pod')).toContain(ended.id)
    expect(tracesOf(world, ended.cookie)).not.toEqual([])

    await agent.kill9()
    await ends.remove()
    await moves.restart({ uid: 'same' })
    await leaves.annotate(JOIN, 'false')
    const born = await world.pod({ name: 'born', annotations: { [JOIN]: 'true' } })
    expect(await born.connect(peer.ipv4, PORT)).toMatchObject({ errno: 'ECONNREFUSED' })
    expect(await moves.connect(peer.ipv4, PORT)).toMatchObject({ errno: 'ECONNREFUSED' })
    await agent.restart()

    for (const pod of [node.pod('stays'), moves, born]) {
      const cookie = String(await pod.cookie())
      await agent.until(({ pods }) =>
        pods.some(({ uid, netns, state }) => uid === pod.uid && netns === cookie && state === 'verified')
      )
      const opened = ztunnel.opened().length
      expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
      expect(ztunnel.opened()).toHaveLength(opened + 1)
    }
    const opened = ztunnel.opened().length
    await agent.untilPod(leaves, 'outside')
    expect(await leaves.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(ztunnel.opened()).toHaveLength(opened)
    expect(await leaves.ip('rule')).not.toMatch(/fwmark/)

    expect(keysOf(world, 'cgroup_pod')).not.toContain(ended.id)
    expect(keysOf(world, 'pod_record')).not.toContain(ended.id)
    expect(tracesOf(world, ended.cookie)).toEqual([])
    expect(tracesOf(world, former)).toEqual([])
    await ztunnel.waitFor(({ event, uid }) => event === 'stopped' && uid === ends.uid)
  })
})
