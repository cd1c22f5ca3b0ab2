// SPDX-License-Identifier: Apache-2.0
// A rolling upgrade: the next ztunnel serves every pod before the former is told to go. Real ones talk HBONE between
// the two pods, over :15008; with stand-ins that port only answers.

import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { host, Place } from '../../world/place.ts'
import type { Running } from '../../world/running.ts'
import { startZtunnel, type Ztunnel } from '../../ztunnel/launch.ts'
import { forgetLatest, listening } from '../setup/listeners.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint } from '../setup/route.ts'

const PORT = 8080
const UPGRADES = 4
const OF_TWO = [15001, 15001, 15006, 15006, 15008, 15008]
const KINDS = ['outbound', 'inbound', 'between pods', 'to :15008'] as const
const HBONE = 15008
type Kind = (typeof KINDS)[number]

interface Dialled {
  readonly running: Running
  /** How the first line ends where ztunnel served the connection. */
  readonly served: 'line' | 'eof'
}

describe('two ztunnels that overlap', () => {
  const node = mesh({ enrolled: ['app', 'other'], outsiders: ['peer'], ztunnel: false })
  let places = 0
  const pods = () => [node.pod('app'), node.pod('other')]

  beforeAll(async () => {
    await node.startZtunnel({ hbone: pods() })
    for (const pod of pods()) await node.agent.untilPod(pod, 'enrolled')
  })

  function start(kind: Kind, family: Family, ...options: readonly (string | number)[]): Dialled {
    const [app, other, peer] = [node.pod('app'), node.pod('other'), node.outsider('peer')]
    const from = kind === 'inbound' || kind === 'to :15008' ? peer : app
    const to = { outbound: peer, inbound: app, 'between pods': other, 'to :15008': app }[kind]
    // Whoever has no certificate is told so and closed; a real ztunnel waits for the first word.
    const [port, more] =
      kind === 'to :15008' ? [HBONE, node.ztunnel.real ? ['--send', 'hello'] : []] : [PORT, []]
    const running = from.startDial('connect', to[family], port, '--each', ...more, ...options)
    return { running, served: kind === 'to :15008' ? 'eof' : 'line' }
  }

  function startAll(...options: readonly (string | number)[]): Dialled[] {
    return KINDS.flatMap((kind) => FAMILIES.map((family) => start(kind, family, ...options)))
  }

  /** Lines of those that no ztunnel served. */
  const unserved = ({ running: { lines }, served }: Dialled) =>
    lines.filter(({ ok, ended }) => ok !== true || ended !== served)

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
    const next = await startZtunnel(node.world, { place: await nextPlace(), hbone: pods() })
    for (const pod of pods()) {
      await expect.poll(() => listening(node.world, pod, 'ztunnel')).toEqual(OF_TWO)
    }
    await node.agent.until(({ ztunnels }) => ztunnels.length === 2)
    return next
  }

  it.each(FAMILIES)('bring a pod its client’s own address, over HBONE too: %s', async (family) => {
    const [app, other] = [node.pod('app'), node.pod('other')]
    const server = await other.serve(PORT + 1)
    const connected = await app.connect(other[family], PORT + 1)
    expect(connected).toMatchObject({ ok: true, ended: 'line' })
    expect(host(clientSeen(connected))).toBe(app[family])
    expect(server.peers).toEqual([app[family]])
    await server.stop()
    const dialled = endpoint(other[family], PORT + 1)
    const overHbone = () => node.ztunnel.lines.some((line) => line['dst.hbone_addr'] === dialled)
    if (node.ztunnel.real) await expect.poll(overHbone).toBe(true)
  })

  it('serve everybody by the newer, however little the older does', async () => {
    for (const place of [...pods(), node.outsider('peer')]) await place.serve(PORT)
    const former = node.ztunnel
    const next = await startNext()
    former.pause()
    for (const dialled of startAll('--count', 10)) {
      expect((await dialled.running.finished()).lines, dialled.running.command).toHaveLength(10)
      expect(unserved(dialled), dialled.running.command).toEqual([])
    }
    expect(next.lines.some((line) => line['dst.hbone_addr'] !== undefined)).toBe(next.real)
    // The control: without the memory of who came last, the older is asked first.
    for (const pod of pods()) expect(await forgetLatest(node.world, pod)).toBe(3)
    for (const dialled of startAll('--timeout', 500)) {
      await dialled.running.finished()
      expect(unserved(dialled), dialled.running.command).toHaveLength(1)
    }
    await former.kill9()
    for (const dialled of startAll()) {
      expect((await dialled.running.finished()).lines, dialled.running.command).toHaveLength(1)
      expect(unserved(dialled), dialled.running.command).toEqual([])
    }
    await next.stop()
    await node.startZtunnel({ hbone: pods() })
    for (const pod of pods()) await node.agent.untilPod(pod, 'verified')
  })

  it(`fail no new connection in ${UPGRADES} upgrades under 50 connections a second`, async () => {
    let current = node.ztunnel
    await expect.poll(() => listening(node.world, node.pod('app'), 'ztunnel')).toHaveLength(3)
    const traffic = startAll('--count', 100_000, '--interval', 110)
    let done = 0
    const someMore = async () => {
      done += 5
      const least = () => Math.min(...traffic.map(({ running }) => running.lines.length))
      await expect.poll(least).toBeGreaterThan(done)
    }
    for (let upgrade = 0; upgrade < UPGRADES; upgrade++) {
      const next = await startNext()
      await someMore()
      await current.stop()
      await someMore()
      current = next
    }
    for (const dialled of traffic) {
      await dialled.running.stop('SIGKILL')
      expect(unserved(dialled), dialled.running.command).toEqual([])
    }
    await current.stop()
  })
})
