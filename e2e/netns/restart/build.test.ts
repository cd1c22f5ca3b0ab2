// SPDX-License-Identifier: Apache-2.0
// An agent of another build over the pins of the former: every program is exchanged in place, under traffic, and back.

import { readdirSync, readFileSync } from 'node:fs'
import { cp, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { layout } from '#contract'
import { Link } from '#native'
import { SLUICE } from '../../world/agent.ts'
import { mountPoint } from '../../world/mounts.ts'
import type { Connected } from '../../world/place.ts'
import type { World } from '../../world/world.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { clientSeen } from '../setup/route.ts'

const PORT = 8080
const BUILD = dirname(SLUICE)
/** More connections of each stream than are on their way while programs are exchanged. */
const SOME = 20

interface Attached {
  readonly link: number
  /** Of the program's instructions. */
  readonly tag: string
}

/** By the name of the link. */
function attached(world: World): Record<string, Attached> {
  const links = join(mountPoint('bpf'), world.prefix, `v${layout.LAYOUT_VERSION}`, 'links')
  return Object.fromEntries(
    readdirSync(links).map((name) => {
      using link = Link.openPinned(join(links, name))
      const { id } = link.info()
      return [name, { link: id, tag: tagOf(id) }] as const
    })
  )
}

/** Of the program behind a link that this process has open. */
function tagOf(link: number): string {
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    let about: string
    try {
      about = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    } catch {
      // The descriptor of the directory itself.
      continue
    }
    if (new RegExp(`^link_id:\\s+${link}$`, 'm').test(about))
      return /^prog_tag:\s+(\w+)$/m.exec(about)?.[1] ?? 'none'
  }
  throw new Error(`link ${link}: not open`)
}

/** The same agent with the other build's kernel programs. */
async function otherBuild(world: World): Promise<string> {
  const copy = join(world.runDirectory, 'other')
  const beside = readdirSync(BUILD).filter((name) => /^sluice(\.node)?$|\.mjs$/.test(name))
  for (const name of beside) await cp(join(BUILD, name), join(copy, name))
  await cp(join(BUILD, 'kernel-test/other'), join(copy, 'kernel'), { recursive: true })
  await symlink(process.execPath, join(copy, 'node'))
  return join(copy, 'sluice')
}

describe('an agent of another build', () => {
  const node = mesh({
    enrolled: ['app'],
    outsiders: ['peer'],
    agent: { config: { verifyInterval: '1s' } }
  })

  it('puts its programs in place of the former’s, and the former’s build puts its own back', async () => {
    const { agent, world } = node
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    for (const place of [app, peer]) await place.serve(PORT)
    const [own, other] = [agent.command, await otherBuild(world)]
    const before = { build: (await node.report()).agent.build, programs: attached(world) }
    const traffic = FAMILIES.flatMap((family) => {
      const options = ['--each', '--count', 1_000_000, '--interval', 10] as const
      return [
        app.startDial('connect', peer[family], PORT, ...options),
        peer.startDial('connect', app[family], PORT, ...options)
      ]
    })
    const someMore = async () => {
      const wanted = traffic.map(({ lines }) => lines.length + SOME)
      await expect
        .poll(() => traffic.every(({ lines }, index) => lines.length >= (wanted[index] ?? 0)), {
          timeout: 30_000
        })
        .toBe(true)
    }
    await someMore()

    const builds: (typeof before)[] = []
    for (const command of [other, own]) {
      await agent.kill9()
      agent.command = command
      await agent.restart()
      await agent.untilPod(app, 'verified')
      // Its hooks are exchanged when it comes back to the agent.
      await agent.until(({ ztunnels }) => ztunnels.length === 1)
      await someMore()
      const { drift, agent: told } = await node.report()
      expect(drift).toEqual({})
      builds.push({ build: told.build, programs: attached(world) })
    }
    const [upgraded, back] = builds
    expect(upgraded?.build).toMatch(/^[0-9a-f]{12}$/)
    expect(upgraded?.build).not.toBe(before.build)
    expect(back?.build).toBe(before.build)
    for (const [name, { link, tag }] of Object.entries(before.programs)) {
      // The kernel exchanges no program behind a tracing link: those are attached anew.
      if (!name.startsWith('handle_')) {
        expect(upgraded?.programs[name]?.link, name).toBe(link)
        expect(back?.programs[name]?.link, name).toBe(link)
        expect(back?.programs[name]?.tag, name).toBe(tag)
      }
    }
    const changed = (name: string) => upgraded?.programs[name]?.tag !== before.programs[name]?.tag
    for (const program of ['connect4', 'connect6', 'lookup', 'ztunnel_tcp', 'setsockopt'])
      expect(
        Object.keys(before.programs)
          .filter((name) => name.startsWith(`${program}@`))
          .some(changed),
        program
      ).toBe(true)

    for (const each of traffic) {
      expect(each.running, each.command).toBe(true)
      await each.stop()
      const results = each.lines as unknown as readonly Connected[]
      expect(
        results.filter(({ ok, ended }) => !ok || ended !== 'line'),
        each.command
      ).toEqual([])
      expect(
        results.filter((result) => clientSeen(result) === result.local),
        each.command
      ).toEqual([])
    }
  })
})
