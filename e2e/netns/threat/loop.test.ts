// SPDX-License-Identifier: Apache-2.0
// Where the pod's own routing turns what ztunnel dials round to lo, ztunnel must not be handed it again, and again.

import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ztunnel_port } from '#contract'
import type { Pod } from '../../world/pod.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain } from '../setup/route.ts'

const PORT = 8080
/** Nobody has it; packets to it go to a router that drops them. */
const FAR = { ipv4: '198.51.100.9', ipv6: '2001:db8:9::9' } as const
const NET = { ipv4: '198.51.100.0/24', ipv6: '2001:db8:9::/64' } as const
/** More than any case makes, fewer than a loop makes in a moment. */
const MANY = 20

const node = mesh({
  enrolled: ['app'],
  outsiders: ['router'],
  agent: { config: { verifyInterval: '300ms' } }
})
const app = () => node.pod('app')
const ip = (family: Family, ...args: readonly string[]) => app().ip(`-${family.at(-1)}`, ...args)
/** AnyIP: every address of the network is the pod's, and it has none of them. */
const anyIp = (family: Family, verb: 'add' | 'del') =>
  ip(family, 'route', verb, 'local', NET[family], 'dev', 'lo')
const opened = (dst: string) => node.ztunnel.opened({ direction: 'outbound', dst }).length

beforeAll(async () => {
  for (const family of FAMILIES)
    await ip(family, 'route', 'replace', 'default', 'via', node.outsider('router')[family])
  await app().serve(PORT)
})

describe.each(FAMILIES)('%s', (family) => {
  const far = endpoint(FAR[family], PORT)

  describe('what a local route takes', () => {
    afterEach(async () => {
      await anyIp(family, 'del').catch(() => undefined)
    })

    it('reaches the pod itself, through ztunnel once', async () => {
      await anyIp(family, 'add')
      const before = opened(far)
      for (let dialled = 1; dialled <= 3; dialled++) {
        expect(await app().connect(FAR[family], PORT)).toMatchObject({ ok: true, ended: 'line', peer: far })
        await expect.poll(() => opened(far)).toBe(before + dialled)
      }
    })

    it('is refused when nobody listens there', async () => {
      await anyIp(family, 'add')
      const nowhere = endpoint(FAR[family], 8099)
      expect((await app().connect(FAR[family], 8099)).data ?? '').toBe('')
      await expect.poll(() => opened(nowhere)).toBe(1)
    })

    it.each([ztunnel_port.ZTUNNEL_OUTBOUND, ztunnel_port.ZTUNNEL_INBOUND])(
      'is refused on :%i',
      async (port) => {
        await anyIp(family, 'add')
        expect((await app().connect(FAR[family], port)).data ?? '').toBe('')
        expect(opened(endpoint(FAR[family], port))).toBeLessThanOrEqual(1)
      }
    )

    it('comes round once when the route is younger than the connection', async () => {
      const before = opened(far)
      const dial = app().startDial('connect', FAR[family], PORT, '--timeout', 20_000)
      await expect.poll(() => opened(far)).toBe(before + 1)
      await anyIp(family, 'add')
      expect(await dial.waitFor(({ ok }) => ok !== undefined)).toMatchObject({ ok: true, ended: 'line' })
      await expect.poll(() => opened(far)).toBe(before + 2)
    })

    it('reaches the pod itself in a pause too', async () => {
      await anyIp(family, 'add')
      expect(await node.agent.cli('pause')).toMatchObject({ code: 0 })
      try {
        const before = opened(far)
        expect(await app().connect(FAR[family], PORT)).toMatchObject({ ok: true, ended: 'line' })
        expect(opened(far) - before).toBeLessThanOrEqual(1)
      } finally {
        await node.agent.cli('resume')
      }
    })
  })

  // Where the source of an answer is nobody's IPv4 sends none.
  it('what a rule for ztunnel’s mark turns round comes no further', async () => {
    const router = endpoint(node.outsider('router')[family], PORT)
    const rule = ['pref', '0', 'fwmark', '0x539', 'lookup', '5151'] as const
    await ip(family, 'rule', 'add', ...rule)
    try {
      const exempted = async () => (await node.report()).counters.inbound_exempt ?? 0
      const before = await exempted()
      await app().connect(node.outsider('router')[family], PORT, '--timeout', 1500)
      await expect.poll(exempted).toBeGreaterThan(before)
      await expect.poll(() => opened(router)).toBe(1)
    } finally {
      await ip(family, 'rule', 'del', ...rule)
    }
  })
})

it('an address of scope host is the pod’s own: ztunnel has nothing to do with it', async () => {
  const address = '203.0.113.9'
  await app().ip('address', 'add', `${address}/32`, 'dev', 'lo', 'scope', 'host')
  const isOwn = async (pod: Pod) =>
    ((await node.counted(() => pod.connect(address, PORT))).steered ?? 0) === 0
  await expect.poll(() => isOwn(app())).toBe(true)
  expectPlain(await app().connect(address, PORT))
})

it('without the exemption one connect occupies ztunnel for ever', async () => {
  await without(node, 'ztunnel_tcp', async () => {
    const dials = []
    for (const family of FAMILIES) {
      const [far, before] = [endpoint(FAR[family], PORT), opened(endpoint(FAR[family], PORT))]
      await anyIp(family, 'add')
      dials.push(app().startDial('connect', FAR[family], PORT, '--timeout', 60_000))
      await expect.poll(() => opened(far) - before).toBeGreaterThan(MANY)
    }
    await node.ztunnel.kill9()
    for (const dial of dials) await dial.stop('SIGKILL')
    for (const family of FAMILIES) await anyIp(family, 'del')
    await node.startZtunnel()
  })
})
