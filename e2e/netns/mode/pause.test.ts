// SPDX-License-Identifier: Apache-2.0
// `sluice pause` and `resume` under live traffic, with an agent and without one.

import { beforeAll, describe, expect, it } from 'vitest'
import { SLUICE } from '../../world/agent.ts'
import { run } from '../../world/running.ts'
import { FAMILIES, type Family, JOIN, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const REFUSED = { ok: false, errno: 'ECONNREFUSED' }
const ASKED = [['--udp'], ['--udp', '--connected']] as const
const DOWN = { status: 1, paused: true }

describe('a pause', () => {
  const node = mesh({ enrolled: ['app'], outsiders: ['peer'] })
  const app = () => node.pod('app')
  const peer = () => node.outsider('peer')
  const to = (family: Family) => ({ from: app(), family, to: endpoint(peer()[family], PORT) })

  async function told(): Promise<{ status: number | null; paused: unknown; text: string }> {
    const { code } = await node.agent.cli('status', '--json')
    const { paused } = (await node.agent.status()) as unknown as { paused: boolean }
    return { status: code, paused, text: (await node.agent.cli('status')).stdout }
  }

  beforeAll(async () => {
    await peer().serve(PORT, '--echo')
    await peer().serve(53, '--udp')
    await app().serve(PORT)
  })

  it('lets everything pass, keeps what ztunnel carries, and ends: no connection fails on the way', async () => {
    for (const family of FAMILIES)
      await expectSteered(node, await app().connect(peer()[family], PORT), to(family))
    const { pid } = node.agent
    const carried = FAMILIES.map((family) => app().startDial('connect', peer()[family], PORT, '--hold'))
    for (const held of carried) await held.waitFor(({ ok }) => ok === true)
    const rounds = 250
    const dialled = FAMILIES.flatMap((family) => [
      app().connectMany(peer()[family], PORT, rounds, '--interval', 10),
      peer().connectMany(app()[family], PORT, rounds, '--interval', 10)
    ])
    for (let round = 0; round < 3; round++) {
      expect(await node.agent.cli('pause')).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^paused/)
      })
      const opened = node.ztunnel.opened().length
      const rises = await node.counted(async () => {
        for (const family of FAMILIES) expectPlain(await app().connect(peer()[family], PORT))
        for (const family of FAMILIES) expectPlain(await peer().connect(app()[family], PORT))
      })
      expect(rises).not.toHaveProperty('steered')
      expect(rises.would_steer).toBeGreaterThanOrEqual(FAMILIES.length)
      // Live traffic that was on its way when the pause came may still be told of.
      expect(node.ztunnel.opened().length - opened).toBeLessThanOrEqual(dialled.length)
      expect(await node.agent.cli('resume')).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^resumed/)
      })
      for (const family of FAMILIES)
        await expectSteered(node, await app().connect(peer()[family], PORT), to(family))
    }
    for (const tally of await Promise.all(dialled)) {
      expect(tally).toMatchObject({ connected: rounds, greeted: rounds, errors: {} })
    }
    for (const held of carried) {
      const echoes = Number(held.lines.findLast(({ event }) => event === 'echo')?.echoed ?? 0)
      await held.waitFor(({ event, echoed }) => event === 'echo' && Number(echoed) > echoes)
      await held.stop()
      expect(held.lines.at(-1)).toMatchObject({ event: 'held' })
    }
    expect(node.agent).toMatchObject({ pid, running: true })
  })

  it('says so first, and says when there is none', async () => {
    expect(await told()).toMatchObject({
      status: 0,
      paused: false,
      text: expect.not.stringContaining('PAUSED')
    })
    await node.agent.cli('pause')
    expect(await told()).toMatchObject({ ...DOWN, text: expect.stringMatching(/^PAUSED: /) })
    expect((await node.agent.cli('pause')).stdout).toMatch(/^already paused/)
    await node.agent.cli('resume')
    expect((await node.agent.cli('resume')).stdout).toMatch(/^already resumed/)
  })

  it.each(FAMILIES)('keeps the ports of ztunnel guarded: %s', async (family) => {
    await node.agent.cli('pause')
    const rises = await node.counted(async () => {
      for (const port of [15001, 15006]) {
        expect(await peer().connect(app()[family], port)).toMatchObject(REFUSED)
        expect(await app().connect(app()[family], port)).toMatchObject(REFUSED)
      }
    })
    expect(rises).toMatchObject({ dropped_guard: 4 })
    await node.agent.cli('resume')
  })

  it.each(FAMILIES)('takes a mark off that would lead to ztunnel all the same: %s', async (family) => {
    await node.agent.cli('pause')
    expectPlain(await app().connect(peer()[family], PORT, '--mark', '0x51c'))
    await node.agent.cli('resume')
  })

  it('is refused to everybody but root', async () => {
    const { bpffs, pinDirectory } = node.agent.settings.config as Record<string, string>
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    const flags = ['--bpffs', String(bpffs), '--pin-directory', String(pinDirectory)]
    const { code, stderr } = await run([...nobody, SLUICE, 'pause', ...flags])
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('SLUICE_ERR_PAUSE_WRITE')
    })
    expect(await node.report()).toMatchObject({ paused: false })
  })

  it('lets a held pod pass, which waits again afterwards and is enrolled when ztunnel comes', async () => {
    const { ztunnel, agent, world } = node
    await ztunnel.kill9()
    await agent.until(({ ztunnels }) => ztunnels.length === 0)
    const held = await world.pod({ name: 'held', annotations: { [JOIN]: 'true' } })
    await agent.untilPod(held, ['held', 'failed'])
    for (const family of FAMILIES) {
      expect(await held.connect(peer()[family], PORT)).toMatchObject(REFUSED)
      for (const manner of ASKED)
        expect(await held.connect(peer()[family], 53, ...manner)).toMatchObject(REFUSED)
    }
    await agent.cli('pause')
    for (const family of FAMILIES) {
      expectPlain(await held.connect(peer()[family], PORT))
      const from = endpoint(peer()[family], 53)
      for (const manner of ASKED)
        expect(await held.connect(peer()[family], 53, ...manner)).toMatchObject({ ok: true, from })
    }
    const unknown = await world.pod({ name: 'unknown', listed: false })
    for (const family of FAMILIES) expectPlain(await unknown.connect(peer()[family], PORT))
    await agent.cli('resume')
    for (const pod of [held, unknown]) expect(await pod.connect(peer().ipv4, PORT)).toMatchObject(REFUSED)
    await node.startZtunnel({ standIn: true })
    await agent.untilPod(held, 'enrolled')
    const connected = await held.connect(peer().ipv4, PORT)
    await expectSteered(node, connected, { from: held, family: 'ipv4', to: endpoint(peer().ipv4, PORT) })
  })
})

describe('a pause without an agent', () => {
  const node = mesh({ enrolled: ['app'], outsiders: ['peer'] })

  it('works, outlives the agents that come, and ends without one too', async () => {
    const { agent } = node
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    const ends = { from: app, family: 'ipv4', to: endpoint(peer.ipv4, PORT) } as const
    await peer.serve(PORT)
    await agent.kill9()
    await expectSteered(node, await app.connect(peer.ipv4, PORT), ends)
    expect(await agent.cli('pause')).toMatchObject({ code: 0 })
    expectPlain(await app.connect(peer.ipv4, PORT))
    expect((await agent.cli('status')).stdout).toMatch(/^PAUSED: /)
    await agent.restart()
    await agent.untilPod(app, 'verified')
    expect(await node.report()).toMatchObject({ paused: true })
    expectPlain(await app.connect(peer.ipv4, PORT))
    // What joins meanwhile is enrolled, and passes.
    const later = await node.world.pod({ name: 'later', annotations: { [JOIN]: 'true' } })
    await agent.untilPod(later, 'enrolled')
    expectPlain(await later.connect(peer.ipv4, PORT))
    await agent.kill9()
    expect(await agent.cli('resume')).toMatchObject({ code: 0 })
    await expectSteered(node, await app.connect(peer.ipv4, PORT), ends)
    await agent.restart()
  })
})
