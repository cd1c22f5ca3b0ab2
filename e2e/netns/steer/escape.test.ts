// SPDX-License-Identifier: Apache-2.0
// What an application may try to get round ztunnel.

import { beforeAll, describe, expect, it } from 'vitest'
import { Place } from '../../world/place.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
/** ztunnel's own mark, the connmark of Istio's rules, Sluice's, and another. */
const MARKS = ['0x539', '0x111', '0x51c', '0x1234'] as const
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const

const node = mesh({ enrolled: ['app'], plain: ['plain'], outsiders: ['server'] })
const address = (family: Family) => node.outsider('server')[family]

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
  await node.pod('app').serve(PORT)
})

describe('a mark of the application’s own', () => {
  it.each(FAMILIES.flatMap((family) => MARKS.map((mark) => [family, mark] as const)))(
    'exempts nothing: %s, %s',
    async (family, mark) => {
      const from = node.pod('app')
      const connected = await from.connect(address(family), PORT, '--mark', mark)
      await expectSteered(node, connected, { from, family, to: endpoint(address(family), PORT) })
      expectPlain(await from.connect(LOOPBACK[family], PORT, '--mark', mark))
    }
  )

  it.each(FAMILIES.flatMap((family) => MARKS.map((mark) => [family, mark] as const)))(
    'does nothing outside the mesh: %s, %s',
    async (family, mark) => {
      expectPlain(await node.pod('plain').connect(address(family), PORT, '--mark', mark))
    }
  )
})

describe('a network namespace that the pod made itself', () => {
  it.each(FAMILIES)('is refused and counted: %s', async (family) => {
    const pod = node.pod('app')
    const netns = `${node.world.prefix}-nested-${family}`
    const nested = new Place('nested', pod.cgroup, netns)
    await node.world.bridge.connect(netns, node.world.bridge.allocate())
    expectPlain(await new Place('outside', '-', netns).connect(address(family), PORT))
    const rises = await node.counted(async () => {
      const connected = await nested.connect(address(family), PORT)
      expect(connected).toMatchObject({ ok: false, errno: 'ECONNREFUSED', stage: 'connect' })
    })
    expect(rises).toMatchObject({ refused_nested: 1 })
    const to = endpoint(address(family), PORT)
    await expectSteered(node, await pod.connect(address(family), PORT), { from: pod, family, to })
  })

  it.each(FAMILIES)('asks no resolver either: %s', async (family) => {
    const netns = `${node.world.prefix}-asking-${family}`
    await node.world.bridge.connect(netns, node.world.bridge.allocate())
    const resolver = await node.outsider('server').serve(53, '--udp')
    const ask = (cgroup: string, ...how: string[]) =>
      new Place('nested', cgroup, netns).connect(address(family), 53, '--udp', ...how)
    for (const how of [[], ['--connected']]) {
      expect(await ask('-', ...how)).toMatchObject({ ok: true })
      expect(await ask(node.pod('app').cgroup, ...how)).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
    }
    await resolver.stop()
  })
})

describe('without the hook', () => {
  it.each([
    ['ipv4', 'connect4'],
    ['ipv6', 'connect6']
  ] as const)('everything leaves in the clear: %s', async (family, hook) => {
    await without(node, hook, async () => {
      expectPlain(await node.pod('app').connect(address(family), PORT))
    })
  })
})
