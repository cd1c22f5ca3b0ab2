// SPDX-License-Identifier: Apache-2.0
// What becomes of held and of running pods when ztunnel comes late, and when the agent dies.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Server, Tally } from '../../world/place.ts'
import { FAMILIES, JOIN, mesh, type Outsider } from '../setup/mesh.ts'

const PORT = 8080
const REFUSED = { ok: false, errno: 'ECONNREFUSED' }

describe('a running pod that joins', () => {
  const node = mesh({ outsiders: ['peer'], plain: ['runner'], ztunnel: false })

  it('keeps its traffic until it is steered', async () => {
    const peer = node.outsider('peer')
    const server = await peer.serve(PORT)
    const runner = node.pod('runner')
    const dialled = FAMILIES.map((family) =>
      runner.startDial('connect', peer[family], PORT, '--count', 1_000_000, '--interval', 10)
    )
    await runner.annotate(JOIN, 'true')
    await node.agent.untilPod(runner, ['joining', 'failed'])
    const ztunnel = await node.startZtunnel()
    await node.agent.untilPod(runner, 'enrolled')
    const steeredSince = ztunnel.opened().length
    await expect.poll(() => ztunnel.opened().length).toBeGreaterThan(steeredSince)
    let total = 0
    for (const each of dialled) {
      await each.stop()
      const { count, connected, greeted, errors } = each.lines.at(-1) as unknown as Tally
      expect({ connected, greeted, errors }).toEqual({ connected: count, greeted: count, errors: {} })
      total += count
    }
    expect(server.seen.length).toBe(total)
    // Both kinds were there: some went in the clear before, and some went through ztunnel after.
    expect(ztunnel.opened().length).toBeLessThan(total)
  })
})

describe('with an agent that dies', () => {
  const node = mesh({
    outsiders: ['peer'],
    ztunnel: false,
    agent: { config: { heartbeatStale: '5s' } }
  })
  let peer: Outsider
  let server: Server

  beforeAll(async () => {
    peer = node.outsider('peer')
    server = await peer.serve(PORT)
  })

  it('a pod that nobody has named passes again, and a held one never does', async () => {
    const held = await node.world.pod({ name: 'held', annotations: { [JOIN]: 'true' } })
    await node.agent.untilPod(held, ['held', 'failed'])
    const unknown = await node.world.pod({ name: 'unknown', listed: false })
    for (const pod of [held, unknown]) expect(await pod.connect(peer.ipv4, PORT)).toMatchObject(REFUSED)
    await node.agent.kill9()
    const tries = ['--count', 1000, '--interval', 50, '--each', '--until-connected']
    const freed = await unknown.dialAll('connect', peer.ipv4, PORT, ...tries)
    expect(freed.at(0)).toMatchObject(REFUSED)
    expect(freed.at(-1)).toMatchObject({ ok: true })
    const tally = await held.connectMany(peer.ipv4, PORT, 20, '--interval', 20)
    expect(tally).toMatchObject({ connected: 0, errors: { ECONNREFUSED: 20 } })
    expect(server.peers).not.toContain(held.ipv4)
    const later = await node.world.pod({ name: 'later', annotations: { [JOIN]: 'true' } })
    expect(await later.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
  })

  it('and the next agent takes all of them on', async () => {
    await node.startZtunnel({ standIn: true })
    await node.agent.restart()
    for (const name of ['held', 'later']) await node.agent.untilPod(node.pod(name), 'enrolled')
    expect(await node.pod('held').connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(node.ztunnel.opened({ direction: 'outbound' })).toHaveLength(1)
  })
})
