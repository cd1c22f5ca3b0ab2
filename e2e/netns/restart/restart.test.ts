// SPDX-License-Identifier: Apache-2.0
// The agent killed under traffic: what it made goes on, and the next agent takes it over.

import { statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { host, type Tally } from '../../world/place.ts'
import { FAMILIES, JOIN, mesh } from '../setup/mesh.ts'
import { keysOf, tracesOf } from '../setup/pinned.ts'

const PORT = 8080
const KILLS = 3

describe('an agent killed with SIGKILL', () => {
  const node = mesh({ enrolled: ['steady'], outsiders: ['peer'] })

  it(`is replaced ${KILLS} times and not one connection fails or goes out in the clear`, async () => {
    const peer = node.outsider('peer')
    const server = await peer.serve(PORT)
    const steady = node.pod('steady')
    const started = FAMILIES.map((family) =>
      steady.startDial('connect', peer[family], PORT, '--count', 1_000_000, '--interval', 15)
    )
    const before = await node.report()
    for (let kill = 0; kill < KILLS; kill++) {
      await node.agent.kill9()
      // With no agent at all.
      const opened = node.ztunnel.opened().length
      expect(await steady.connect(peer.ipv4, PORT)).toMatchObject({ ok: true, peer: `${peer.ipv4}:${PORT}` })
      expect(node.ztunnel.opened().length).toBeGreaterThan(opened)
      await node.agent.restart()
      await node.agent.untilPod(steady, 'enrolled')
    }
    let total = KILLS
    for (const each of started) {
      expect(each.running).toBe(true)
      await each.stop()
      const { count, connected, greeted, errors } = each.lines.at(-1) as unknown as Tally
      expect({ connected, greeted, errors }).toEqual({ connected: count, greeted: count, errors: {} })
      total += count
    }
    expect(server.seen).toHaveLength(total)
    expect(node.ztunnel.opened({ direction: 'outbound' })).toHaveLength(total)
    expect(server.seen.filter(({ peer }) => ![steady.ipv4, steady.ipv6].includes(host(peer)))).toEqual([])
    const { counters, drift } = await node.report()
    expect((counters.steered ?? 0) - (before.counters.steered ?? 0)).toBeGreaterThan(0)
    expect(drift).toEqual({})
    await server.stop()
  })
})

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
