// SPDX-License-Identifier: Apache-2.0
// Where a socket was made and who uses it: its network namespace decides.

import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Connected } from '../../world/place.ts'
import { Place } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import type { Running } from '../../world/running.ts'
import { FAMILIES, type Family, JOIN, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080

const node = mesh({ enrolled: ['app'], plain: ['plain', 'late'], outsiders: ['server'] })
const server = (family: Family) => node.outsider('server')[family]

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
})

async function waiting(client: Running, times: number): Promise<void> {
  const { lines } = client
  await expect.poll(() => lines.filter(({ event }) => event === 'waiting').length).toBe(times)
}

function results(client: Running): Connected[] {
  return client.lines.filter(({ ms }) => ms !== undefined) as unknown as Connected[]
}

describe('a socket made before the pod joined', () => {
  it.each(FAMILIES)(
    'is steered once it has joined; and plain, the same one, once it has left: %s',
    async (family) => {
      const from = node.pod('late')
      const again = ['--again', server(family), PORT]
      const client = from.startDial('connect', server(family), PORT, '--wait-line', ...again)
      await waiting(client, 1)
      await node.join(from)
      client.write('\n')
      await waiting(client, 2)
      await from.annotate(JOIN, 'false')
      await node.agent.untilPod(from, ['leaving', 'outside'])
      client.write('\n')
      await client.finished()
      const [before, after] = results(client)
      await expectSteered(node, before as Connected, { from, family, to: endpoint(server(family), PORT) })
      expectPlain(after as Connected)
      await node.agent.untilPod(from, 'outside')
    }
  )
})

describe('a socket inherited over fork', () => {
  it.each(FAMILIES)('is steered within the pod: %s', async (family) => {
    const from = node.pod('app')
    const connected = await from.dial('inherit', '-', '-', '--', server(family), PORT)
    const to = endpoint(server(family), PORT)
    await expectSteered(node, connected as unknown as Connected, { from, family, to })
  })

  it.each(FAMILIES)('by a child that went into a plain pod is still its maker’s: %s', async (family) => {
    const from = node.pod('app')
    const { cgroup, netns } = node.pod('plain')
    const connected = await from.dial('inherit', cgroup, netns, '--', server(family), PORT)
    const to = endpoint(server(family), PORT)
    await expectSteered(node, connected as unknown as Connected, { from, family, to })
  })

  it.each(FAMILIES)('by a child that went into the mesh is still plain: %s', async (family) => {
    const { cgroup, netns } = node.pod('app')
    const connected = await node.pod('plain').dial('inherit', cgroup, netns, '--', server(family), PORT)
    expectPlain(connected as unknown as Connected)
  })
})

describe('a socket passed by SCM_RIGHTS', () => {
  async function passed(maker: Pod, user: Pod, family: Family, ...options: string[]): Promise<Connected> {
    const path = join(node.world.runDirectory, `pass-${maker.name}-${family}`)
    const received = user.dial('receive-socket', path, '--', server(family), PORT, ...options)
    await maker.dial('pass-socket', path, family)
    return (await received) as unknown as Connected
  }

  it.each(FAMILIES)('out of the mesh is steered as its maker’s: %s', async (family) => {
    const from = node.pod('app')
    const connected = await passed(from, node.pod('plain'), family)
    await expectSteered(node, connected, { from, family, to: endpoint(server(family), PORT) })
  })

  it.each(FAMILIES)('out of the mesh and used by io_uring’s own thread, too: %s', async (family) => {
    const from = node.pod('app')
    const connected = await passed(from, node.pod('plain'), family, '--uring-sqpoll')
    await expectSteered(node, connected, { from, family, to: endpoint(server(family), PORT) })
  })

  it.each(FAMILIES)('into the mesh stays plain: %s', async (family) => {
    expectPlain(await passed(node.pod('plain'), node.pod('app'), family))
  })
})

describe('a process of the pod', () => {
  it.each(FAMILIES)('that was moved to a plain pod’s cgroup is steered: %s', async (family) => {
    const from = node.pod('app')
    const client = from.startDial('connect', server(family), PORT, '--wait-line')
    await waiting(client, 1)
    await node.pod('plain').adopt(client.pid)
    client.write('\n')
    await client.finished()
    const to = endpoint(server(family), PORT)
    await expectSteered(node, results(client)[0] as Connected, { from, family, to })
  })

  it.each(FAMILIES)(
    'that was moved out of kubepods is steered with the sockets it had: %s',
    async (family) => {
      const from = node.pod('app')
      const client = from.startDial('connect', server(family), PORT, '--wait-line')
      await waiting(client, 1)
      await node.world.host.adopt(client.pid)
      client.write('\n')
      await client.finished()
      const to = endpoint(server(family), PORT)
      await expectSteered(node, results(client)[0] as Connected, { from, family, to })
    }
  )

  it.each(FAMILIES)('whose cgroup is a plain pod’s from the start is steered: %s', async (family) => {
    const from = node.pod('app')
    const stray = new Place('stray', node.pod('plain').cgroup, from.netns)
    const to = endpoint(server(family), PORT)
    await expectSteered(node, await stray.connect(server(family), PORT), { from, family, to })
  })
})
