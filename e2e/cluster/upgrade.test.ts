// SPDX-License-Identifier: Apache-2.0
// A new version of the agent, and no agent any more.

import { beforeAll, describe, expect, it } from 'vitest'
import { NEXT_TAG } from './images/sluice.ts'
import type { Pod } from './kube/pod.ts'
import { Carried } from './mesh/carried.ts'
import { Held } from './mesh/held.ts'
import { MODE, REDIRECTION } from './mesh/names.ts'
import { Talker } from './mesh/talker.ts'
import { loaded, NOTHING, pinnedPrograms, proxyPorts, tracesOf } from './node/traces.ts'
import { openScene } from './scene.ts'

const ECHO = ['dial', 'serve', '8080', '--name', 'server', '--echo']

const scene = openScene()
const carried = new Carried(scene)

/** In the mesh, dialling out again and again; outside, dialling in. */
let talker: Talker
let caller: Talker
/** The servers that they dial. */
let outside: string
let inside: string
let server: Pod

async function addressOf(pod: Pod): Promise<string> {
  const [first = ''] = await pod.addresses()
  return first
}

beforeAll(async () => {
  await scene.sluice.install()
  const mesh = await scene.namespace('upgrade', { labels: { [MODE]: 'ambient' } })
  const beyond = await scene.namespace('upgrade-outside')
  outside = await addressOf(await beyond.run('server', { command: ECHO }))
  server = await mesh.run('server', { command: ECHO })
  await carried.joined(server)
  inside = await addressOf(server)
  talker = await Talker.start(mesh, 'talker', outside, scene.ztunnel)
  await carried.joined(talker.pod)
  caller = await Talker.start(beyond, 'caller', inside, scene.ztunnel)
})

describe('a new version', () => {
  it('takes over without a failed connection, in or out, and those that there are go on', async () => {
    const former = await scene.sluice.agent()
    const [out, into] = [await Held.open(talker.pod, outside), await Held.open(caller.pod, inside)]
    const [outgoing, incoming] = [await talker.goesOn(0), await caller.goesOn(0)]
    await scene.sluice.install({ 'image.tag': NEXT_TAG })
    const agent = await scene.sluice.agent()
    expect(agent.name).not.toBe(former.name)
    expect((await agent.object())?.spec?.containers[0]?.image).toMatch(new RegExp(`:${NEXT_TAG}$`))
    await Promise.all([out.goesOn(), into.goesOn()])
    expect(await talker.expectCarried(outgoing)).toBeGreaterThan(20)
    expect(await caller.expectCarried(incoming)).toBeGreaterThan(20)
    for (const held of [out, into]) expect(await held.end()).toMatchObject({ event: 'held' })
  })
})

describe('an uninstall', () => {
  let programs: number[] = []

  it('lets what ztunnel carries end, what is new pass, and fails no connection', async () => {
    await scene.sluice.install()
    await carried.joined(talker.pod)
    if (scene.state !== null) {
      programs = pinnedPrograms(scene.state)
      expect((await loaded(programs)).length).toBeGreaterThan(5)
      expect(await proxyPorts(scene.state, talker.pod)).toEqual(expect.arrayContaining(['15001', '15008']))
      const { rules, routes, pins, sockets } = await tracesOf(scene.state, talker.pod)
      for (const traces of [rules, routes, pins, sockets]) expect(traces).not.toEqual([])
    }
    expect(await scene.sluice.objects()).toContain('daemonset.apps/sluice')
    const held = await Held.open(talker.pod, outside)
    const [outgoing, incoming] = [await talker.goesOn(0), await caller.goesOn(0)]
    const leaving = async () => {
      await talker.pod.until('left', ({ metadata }) => metadata?.annotations?.[REDIRECTION] === undefined)
      await carried.plain(talker.pod, outside)
      await held.goesOn()
      expect(await scene.sluice.installed()).toBe(true)
      expect(await held.end()).toMatchObject({ event: 'held' })
    }
    await Promise.all([scene.sluice.uninstall(), leaving()])
    await carried.plain(talker.pod, outside)
    const failed = async (who: Talker, count: number) =>
      (await who.attempts()).slice(count).filter(({ ok }) => !ok)
    expect(await failed(talker, outgoing)).toEqual([])
    expect(await failed(caller, incoming)).toEqual([])
  })

  it('leaves nothing in the API', async () => {
    await expect.poll(() => scene.sluice.objects()).toEqual([])
    expect((await talker.pod.object())?.metadata?.annotations ?? {}).not.toHaveProperty(REDIRECTION)
  })

  it('leaves nothing on the node', async ({ skip }) => {
    if (scene.state === null) return skip('what is left can only be seen on the node')
    const { state } = scene
    for (const pod of [talker.pod, server]) {
      expect(await tracesOf(state, pod)).toEqual(NOTHING)
      await expect.poll(() => proxyPorts(state, pod)).toEqual([])
    }
    // The kernel frees a program some time after the last that holds it.
    await expect.poll(() => loaded(programs)).toEqual([])
  })
})
