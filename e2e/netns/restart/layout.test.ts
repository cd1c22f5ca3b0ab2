// SPDX-License-Identifier: Apache-2.0
// Pins that this build cannot take over: the agent says so and ends, and what is attached goes on steering. One that
// is missing it can.

import { existsSync, linkSync, readdirSync, renameSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { layout } from '#contract'
import { mountPoint } from '../../world/mounts.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const OWN = `v${layout.LAYOUT_VERSION}`
const REMEDY = /start the (version|build) that made them, or run sluice cleanup/

describe('an agent that finds the pins of', () => {
  const node = mesh({
    enrolled: ['app'],
    outsiders: ['peer'],
    agent: ({ prefix }) => ({
      ready: false,
      config: { verifyInterval: '1s', kubelet: { cgroup: `/${prefix}/kubelet.service` } }
    })
  })
  const root = () => join(mountPoint('bpf'), node.world.prefix)

  beforeAll(async () => {
    for (const place of [node.pod('app'), node.outsider('peer')]) await place.serve(PORT)
    await node.agent.untilReady()
  })

  afterEach(async () => {
    await node.agent.restart()
    await node.agent.untilPod(node.pod('app'), 'verified', 30_000)
    expect((await node.report()).drift).toEqual({})
  })

  async function expectSteering(): Promise<void> {
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    for (const family of FAMILIES) {
      const to = endpoint(peer[family], PORT)
      await expectSteered(node, await app.connect(peer[family], PORT), { from: app, family, to })
      const into = await peer.connect(app[family], PORT)
      expect(into).toMatchObject({ ok: true, ended: 'line' })
      await node.ztunnel.waitForConnection({ direction: 'inbound', src: String(into.local) })
    }
  }

  async function expectRefusal(code: string, message: RegExp): Promise<void> {
    const pinned = readdirSync(root())
    await node.agent.restart()
    expect((await node.agent.exited).code).not.toBe(0)
    expect(node.agent.log.at(-1)).toMatchObject({
      level: 'fatal',
      err: { code, message: expect.stringMatching(message), remedy: expect.stringMatching(REMEDY) }
    })
    expect(readdirSync(root())).toEqual(pinned)
    await expectSteering()
    const status = await node.agent.cli('status')
    expect(status.code).not.toBe(0)
    expect(status.stderr).toMatch(message)
    expect(status.stderr).toMatch(REMEDY)
    const { results } = JSON.parse((await node.agent.cli('check', '--json')).stdout) as {
      results: { feature: string }[]
    }
    expect(results.find(({ feature }) => feature === 'pinned state')).toMatchObject({
      status: 'missing',
      found: expect.stringMatching(message),
      remedy: expect.stringMatching(REMEDY)
    })
  }

  it.each([
    ['an older layout', layout.LAYOUT_VERSION - 1],
    ['a newer layout', layout.LAYOUT_VERSION + 1]
  ])('%s refuses, and all stays as it is', async (_, other) => {
    await node.agent.kill9()
    renameSync(join(root(), OWN), join(root(), `v${other}`))
    try {
      const message = new RegExp(
        `programs in ${root()}/v${other} steer by layout ${other}, .* layout ${OWN.slice(1)}`
      )
      await expectRefusal('SLUICE_ERR_PINS_LAYOUT', message)
    } finally {
      renameSync(join(root(), `v${other}`), join(root(), OWN))
    }
  })

  it('its own layout with a map of another size refuses, and all stays as it is', async () => {
    const maps = join(root(), OWN, 'maps')
    const [stat, away] = [join(maps, 'pod_stat'), join(root(), 'away')]
    await node.agent.kill9()
    renameSync(stat, away)
    linkSync(join(maps, 'role'), stat)
    try {
      await expectRefusal(
        'SLUICE_ERR_PINS_MAPS',
        /pinned maps in .*\/maps are not those of this build: .*pod_stat/
      )
    } finally {
      unlinkSync(stat)
      renameSync(away, stat)
    }
  })

  it('its own layout without a map that the former build did not have makes it', async () => {
    const map = join(root(), OWN, 'maps', 'exempt_probe')
    await node.agent.kill9()
    unlinkSync(map)
    await node.agent.restart()
    await node.agent.untilPod(node.pod('app'), 'verified', 30_000)
    for (const family of FAMILIES)
      expectPlain(await node.world.kubelet.connect(node.pod('app')[family], PORT))
    expect(existsSync(map)).toBe(true)
    await expectSteering()
  })
})
