// SPDX-License-Identifier: Apache-2.0
// What changes in a pod's network namespace while it is enrolled: by somebody's hand while no agent runs, or because an
// address comes and goes.

import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { layout } from '#contract'
import { mountPoint } from '../../world/mounts.ts'
import type { Pod } from '../../world/pod.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { endpoint, expectSteered } from '../setup/route.ts'

const PORT = 8080
const FLAG = { ipv4: '-4', ipv6: '-6' } as const
const TABLE = 5151

async function routing(pod: Pod, family: Family): Promise<{ rules: string[]; routes: string[] }> {
  const lines = (text: string) =>
    text
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean)
  const rules = lines(await pod.ip(FLAG[family], 'rule')).filter((line) => line.includes('fwmark'))
  const routes = lines(await pod.ip(FLAG[family], 'route', 'show', 'table', 'all'))
  return { rules, routes: routes.filter((line) => line.includes(`table ${TABLE}`)) }
}

describe('an enrolled pod', () => {
  const node = mesh({
    enrolled: ['app'],
    outsiders: ['peer'],
    agent: { config: { verifyInterval: '1s' } }
  })

  async function expectEgress(family: Family): Promise<void> {
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    const connected = await app.connect(peer[family], PORT)
    await expectSteered(node, connected, { from: app, family, to: endpoint(peer[family], PORT) })
  }

  it('whose rule, route, sysctl and lookup went while no agent ran has them back, and that is counted', async () => {
    const app = node.pod('app')
    await node.outsider('peer').serve(PORT)
    const before = await Promise.all(FAMILIES.map((family) => routing(app, family)))
    await node.agent.kill9()
    await app.ip('-4', 'route', 'flush', 'table', TABLE)
    await app.ip('-6', 'rule', 'del', 'priority', 1)
    await app.sysctl('net.ipv4.tcp_fwmark_accept', 0)
    const version = join(mountPoint('bpf'), node.world.prefix, `v${layout.LAYOUT_VERSION}`)
    unlinkSync(join(version, 'links', `lookup@${await app.cookie()}`))

    await node.agent.restart()
    await node.agent.untilPod(app, 'verified')
    expect((await node.report()).drift).toEqual({ route: 1, rule: 1, sysctl: 1, lookup: 1 })
    expect(await Promise.all(FAMILIES.map((family) => routing(app, family)))).toEqual(before)
    for (const family of FAMILIES) await expectEgress(family)
  })

  it.each(FAMILIES)(
    'that loses its address of a family keeps nothing that leads there, until it is back: %s',
    async (family) => {
      const [app, other] = [node.pod('app'), family === 'ipv4' ? 'ipv6' : 'ipv4'] as const
      const before = await routing(app, family)
      const { drift } = await node.report()
      const length = family === 'ipv4' ? 20 : 64
      await app.ip('addr', 'del', `${app[family]}/${length}`, 'dev', 'eth0')
      // What is marked all the same must not leave the pod.
      await expect
        .poll(() => routing(app, family))
        .toEqual({ rules: [expect.stringContaining('unreachable')], routes: [] })
      await expectEgress(other)

      const nodad = family === 'ipv6' ? ['nodad'] : []
      await app.ip('addr', 'add', `${app[family]}/${length}`, 'dev', 'eth0', ...nodad)
      await expect.poll(() => routing(app, family)).toEqual(before)
      const gateway = node.world.bridge[family]
      await app.ip(FLAG[family], 'route', 'replace', 'default', 'via', gateway, 'dev', 'eth0')
      await expectEgress(family)
      expect((await node.report()).drift).toEqual(drift)
    }
  )
})
