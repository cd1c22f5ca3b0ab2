// SPDX-License-Identifier: Apache-2.0
// `mode: observe`: what would be steered is told, and nothing is. Then the same node in earnest, and back.

import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../world/pod.ts'
import { FAMILIES, JOIN, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const OBSERVE = { mode: 'observe' }
const JOINING = { annotations: { [JOIN]: 'true' } }

const offered = (lines: readonly { readonly event?: unknown }[]) =>
  lines.filter(({ event }) => event === 'add')

async function expectUntouched(pod: Pod): Promise<void> {
  expect(await pod.ip('rule')).not.toContain('fwmark')
  expect(await pod.ip('-6', 'rule')).not.toContain('fwmark')
}

describe('an agent that observes', () => {
  const node = mesh({
    plain: [{ name: 'app', ...JOINING }, 'plain'],
    outsiders: ['peer'],
    agent: { config: OBSERVE },
    ztunnel: { standIn: true }
  })
  const app = () => node.pod('app')
  const peer = () => node.outsider('peer')

  beforeAll(async () => {
    await peer().serve(PORT, '--echo')
    await app().serve(PORT)
    await node.agent.untilPod(app(), 'observed')
    await node.agent.until(({ ztunnels }) => ztunnels.length === 1)
  })

  it('says which pods would be steered, and why', async () => {
    const report = await node.report()
    expect(report).toMatchObject({ mode: 'observe', paused: false })
    const states = Object.fromEntries(report.pods.map(({ name, state, outside }) => [name, [state, outside]]))
    expect(states).toEqual({ app: ['observed', false], plain: ['outside', true] })
    const { stdout } = await node.agent.cli('status')
    expect(stdout).toMatch(/^Mode observe: /)
    expect(stdout).toMatch(/app +would be steered/)
    const line = await node.agent.waitForLog(({ msg }) => msg === 'pod would be steered')
    expect(line).toMatchObject({ pod: 'default/app', reason: expect.stringContaining(JOIN) })
  })

  it.each(FAMILIES)('steers nothing, and counts what it would have: %s', async (family) => {
    const rises = await node.counted(async () => {
      expectPlain(await app().connect(peer()[family], PORT))
      expectPlain(await node.pod('plain').connect(peer()[family], PORT))
      expectPlain(await peer().connect(app()[family], PORT))
      expectPlain(await app().connect(app()[family], PORT))
    })
    expect(rises).toMatchObject({ would_steer: 1, passed: 1 })
    expect(rises).not.toHaveProperty('steered')
    expect(node.ztunnel.connections).toEqual([])
  })

  it('enrols nobody', async () => {
    await expectUntouched(app())
    expect(offered(node.ztunnel.lines)).toEqual([])
  })

  it('holds no new pod, and counts what it would have', async () => {
    const unknown = await node.world.pod({ name: 'unknown', listed: false })
    const rises = await node.counted(async () => {
      for (const family of FAMILIES) expectPlain(await unknown.connect(peer()[family], PORT))
    })
    expect(rises).toMatchObject({ would_hold: 2 })
    await unknown.remove()
  })

  it('follows who would be in the mesh', async () => {
    const pod = node.pod('plain')
    await pod.annotate(JOIN, 'true')
    await node.agent.untilPod(pod, 'observed')
    const rises = await node.counted(() => pod.connect(peer().ipv4, PORT))
    expect(rises).toMatchObject({ would_steer: 1 })
    await pod.annotate(JOIN, 'false')
    await node.agent.untilPod(pod, 'outside')
  })

  it('is followed by one in earnest and one that observes again, and no connection fails', async () => {
    const rounds = 500
    const dialled = FAMILIES.map((family) =>
      app().connectMany(peer()[family], PORT, rounds, '--interval', 10)
    )
    await node.agent.stop()
    const earnest = await node.world.agent()
    await earnest.untilPod(app(), 'enrolled')
    const ends = { from: app(), family: 'ipv4', to: endpoint(peer().ipv4, PORT) } as const
    await expectSteered(node, await app().connect(peer().ipv4, PORT), ends)
    const carried = app().startDial('connect', peer().ipv4, PORT, '--hold')
    await carried.waitFor(({ ok }) => ok === true)
    const held = await node.world.pod({ name: 'held', listed: false })
    expect(await held.connect(peer().ipv4, PORT)).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })

    await earnest.stop()
    const again = await node.world.agent({ config: OBSERVE })
    await again.untilPod(app(), 'leaving')
    expectPlain(await app().connect(peer().ipv4, PORT))
    expectPlain(await peer().connect(app().ipv4, PORT))
    expectPlain(await held.connect(peer().ipv4, PORT))
    // ztunnel is back, and its snapshot without the pod would have ended the connection by now.
    await again.until(({ ztunnels }) => ztunnels.length === 1)
    await sleep(1000)
    await carried.stop()
    expect(carried.lines.at(-1)).toMatchObject({ event: 'held' })
    await again.untilPod(app(), 'observed')
    await expectUntouched(app())
    for (const tally of await Promise.all(dialled)) {
      expect(tally).toMatchObject({ connected: rounds, greeted: rounds, errors: {} })
    }
  })
})
