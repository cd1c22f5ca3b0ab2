// SPDX-License-Identifier: Apache-2.0
// `sluice cleanup` where the pins do not tell of everything: a lookup's pin was lost, and ztunnel lives on.

import { existsSync, mkdirSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BpfMap, Link, SeqpacketServer } from '#native'
import { mountPoint } from '../../world/mounts.ts'
import type { Pod } from '../../world/pod.ts'
import { must } from '../../world/running.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'

const PORT = 8080
const LOADED = join(import.meta.dirname, '../../../build/e2e/loaded')
const SYSCTLS = ['net.ipv4.tcp_fwmark_accept', 'net.ipv4.fwmark_reflect', 'net.ipv6.fwmark_reflect']

async function tracesIn(pod: Pod): Promise<string[]> {
  const rules = await Promise.all(['-4', '-6'].map((family) => pod.ip(family, 'rule')))
  const routes = await Promise.all(
    ['-4', '-6'].map((family) => pod.ip(family, 'route', 'show', 'table', 'all'))
  )
  const sysctls = await Promise.all(SYSCTLS.map(async (name) => `${name} ${await pod.sysctl(name)}`))
  const lines = [...rules, ...routes].join('\n').split('\n')
  return [
    ...lines.filter((line) => /fwmark|table 5151/.test(line)),
    ...sysctls.filter((line) => line.endsWith('1'))
  ]
}

function pinnedPrograms(links: string): number[] {
  return readdirSync(links).map((name) => {
    using link = Link.openPinned(join(links, name))
    return link.info().programId
  })
}

function pinnedMaps(maps: string): number[] {
  return readdirSync(maps).map((name) => {
    using map = BpfMap.openPinned(join(maps, name))
    return map.info.id
  })
}

/** Those of the ids that the kernel has. */
async function loaded(kind: 'program' | 'map', ids: readonly number[]): Promise<number[]> {
  const { stdout } = await must([LOADED, kind, ...ids.map(String)])
  return stdout.split('\n').filter(Boolean).map(Number)
}

describe('cleanup', () => {
  const node = mesh({
    enrolled: ['app', 'other'],
    outsiders: ['peer'],
    agent: ({ prefix }) => ({ config: { kubelet: { cgroup: `/${prefix}/kubelet.service` } } })
  })
  const bystanders = mesh({ enrolled: ['bystander'] })

  it('finds what is in a pod whose lookup pin was lost, and leaves another agent’s pods alone', async () => {
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    await peer.serve(PORT)
    await app.serve(PORT)
    const root = join(mountPoint('bpf'), node.world.prefix)
    const version = join(root, readdirSync(root).find((name) => /^v\d+$/.test(name)) ?? '')
    const links = join(version, 'links')
    await node.agent.kill9()
    expect(readdirSync(links).map((name) => name.split('@')[0])).toContain('kubelet_tcp')
    const [programs, maps] = [pinnedPrograms(links), pinnedMaps(join(version, 'maps'))]
    expect(await loaded('program', programs)).toEqual(programs)
    expect(await loaded('map', maps)).toEqual(maps)
    unlinkSync(join(links, `lookup@${await app.cookie()}`))
    // Of a layout that this build does not know.
    mkdirSync(join(root, 'v99', 'links'), { recursive: true })
    expect(await tracesIn(app)).toHaveLength(9)

    expect(await node.agent.cli('cleanup')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/removed \d+ rules and routes/)
    })
    expect(node.ztunnel.running).toBe(true)
    for (const pod of [app, node.pod('other')]) expect(await tracesIn(pod)).toEqual([])
    expect(existsSync(root)).toBe(false)
    expect(existsSync(node.world.zdsSocket)).toBe(false)
    await expect.poll(() => loaded('program', programs)).toEqual([])
    await expect.poll(() => loaded('map', maps)).toEqual([])
    for (const family of FAMILIES) {
      expectPlain(await app.connect(peer[family], PORT))
      expectPlain(await peer.connect(app[family], PORT))
    }

    expect(await tracesIn(bystanders.pod('bystander'))).toHaveLength(9)
    expect((await bystanders.report()).drift).toEqual({})
  })

  it('leaves ztunnel’s socket to somebody else who listens there by now', async () => {
    const others = SeqpacketServer.listen(node.world.zdsSocket, {}, (connection) => connection.close())
    const { code, stderr } = await node.agent.cli('cleanup')
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('its socket stays') })
    expect(existsSync(node.world.zdsSocket)).toBe(true)
    others.close()
  })

  it('goes on past a network namespace that it cannot restore, and does not call that a success', async () => {
    const [app, other] = [node.pod('app'), node.pod('other')]
    const routes = Array.from({ length: 30_000 }, (_, index) => `10.9.${index >> 8}.${index & 255}`)
    const batch = join(node.world.runDirectory, 'routes')
    writeFileSync(batch, routes.map((address) => `route add ${address} dev lo table 5151`).join('\n'))
    await other.ip('-batch', batch)
    await app.ip('-4', 'rule', 'add', 'fwmark', '0x51c/0xfff', 'lookup', '5151', 'protocol', '151')
    expect(await tracesIn(app)).toHaveLength(1)
    expect(await node.agent.cli('cleanup')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/more than 1 MiB.*from 1 network namespaces.*CLEANUP_INCOMPLETE/s)
    })
    expect(await tracesIn(app)).toEqual([])
    await other.ip('route', 'flush', 'table', '5151')
    expect(await node.agent.cli('cleanup')).toMatchObject({ code: 0 })
  })
})
