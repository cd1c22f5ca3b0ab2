// SPDX-License-Identifier: Apache-2.0
// A rolling upgrade: the next ztunnel serves every pod before the former is told to go.

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Place } from '../../world/place.ts'
import type { Running } from '../../world/running.ts'
import { startZtunnel, type Ztunnel } from '../../ztunnel/launch.ts'
import { forgetLatest, listening } from '../setup/listeners.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'

const PORT = 8080
const UPGRADES = 4
const OF_TWO = [15001, 15001, 15006, 15006, 15008, 15008]
const KINDS = ['outbound', 'inbound', 'between pods'] as const
type Kind = (typeof KINDS)[number]

describe('two ztunnels that overlap', () => {
  const node = mesh({ enrolled: ['app', 'other'], outsiders: ['peer'] })
  let places = 0
  const pods = () => [node.pod('app'), node.pod('other')]

  function start(kind: Kind, family: Family, ...options: readonly (string | number)[]): Running {
    const [app, other, peer] = [node.pod('app'), node.pod('other'), node.outsider('peer')]
    const from = kind === 'inbound' ? peer : app
    const to = { outbound: peer, inbound: app, 'between pods': other }[kind]
    return from.startDial('connect', to[family], PORT, ...options)
  }

  function startAll(...options: readonly (string | number)[]): Running[] {
    return KINDS.flatMap((kind) => FAMILIES.map((family) => start(kind, family, ...options)))
  }

  /** As a DaemonSet's next pod: below the cgroup that the configuration names, in a network namespace of its own. */
  async function nextPlace(): Promise<Place> {
    const { world } = node
    const name = `ztunnel-${places++}`
    const place = new Place(name, join(world.cgroup, 'ztunnel', name), `${world.prefix}-${name}`)
    await place.makeCgroup()
    await world.bridge.connect(place.netns, world.bridge.allocate())
    return place
  }

  /** The next one beside the former; resolves when it serves every pod. */
  async function startNext(): Promise<Ztunnel> {
    const next = await startZtunnel(node.world, { place: await nextPlace() })
    for (const pod of pods()) {
      await expect.poll(() => listening(node.world, pod, 'ztunnel')).toEqual(OF_TWO)
    }
    await node.agent.until(({ ztunnels }) => ztunnels.length === 2)
    return next
  }

  it('serve everybody by the newer, however little the older does', async () => {
    for (const place of [...pods(), node.outsider('peer')]) await place.serve(PORT)
    const former = node.ztunnel
    const next = await startNext()
    former.pause()
    for (const dialled of startAll('--count', 10)) {
      const { lines } = await dialled.finished()
      expect(lines.at(-1), dialled.command).toMatchObject({ connected: 10, greeted: 10, errors: {} })
    }
    // The control: without the memory of who came last, the older is asked first.
    for (const pod of pods()) expect(await forgetLatest(node.world, pod)).toBe(3)
    for (const dialled of startAll('--timeout', 500)) {
      expect((await dialled.finished()).lines.at(-1), dialled.command).not.toMatchObject({ ended: 'line' })
    }
    await former.kill9()
    for (const dialled of startAll()) {
      expect((await dialled.finished()).lines.at(-1), dialled.command).toMatchObject({ ended: 'line' })
    }
    await next.stop()
    await node.startZtunnel()
    for (const pod of pods()) await node.agent.untilPod(pod, 'verified')
  })

  it(`fail no new connection in ${UPGRADES} upgrades under 50 connections a second`, async () => {
    let current = node.ztunnel
    await expect.poll(() => listening(node.world, node.pod('app'), 'ztunnel')).toHaveLength(3)
    const traffic = startAll('--count', 100_000, '--interval', 110, '--each')
    let done = 0
    const someMore = async () => {
      done += 5
      await expect.poll(() => Math.min(...traffic.map(({ lines }) => lines.length))).toBeGreaterThan(done)
    }
    for (let upgrade = 0; upgrade < UPGRADES; upgrade++) {
      const next = await startNext()
      await someMore()
      await current.stop()
      await someMore()
      current = next
    }
    for (const dialled of traffic) {
      dialled.signal('SIGKILL')
      const { lines } = await dialled.finished()
      expect(lines.filter(({ ok, ended }) => ok !== true || ended !== 'line')).toEqual([])
    }
    await current.stop()
  })
})
