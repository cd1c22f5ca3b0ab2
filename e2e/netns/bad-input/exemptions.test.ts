// SPDX-License-Identifier: Apache-2.0
// More connections of ztunnel to applications, or of the kubelet to pods, than their maps of exemptions hold.

import { afterEach, beforeAll, expect, it } from 'vitest'
import type { Place } from '../../world/place.ts'
import type { Running } from '../../world/running.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { exemptions } from '../setup/pinned.ts'
import { clientSeen, expectPlain } from '../setup/route.ts'

const PORT = 8080
const ROOM = 64
const PODS = 4
const ROOM_FOR_PROBES = PODS * 4

const node = mesh({
  enrolled: ['app'],
  plain: ['client'],
  agent: ({ prefix }) => ({ config: { ...sizes(prefix), verifyInterval: '1h' } })
})
const app = () => node.pod('app')
const client = () => node.pod('client')

function sizes(prefix: string) {
  return { maxConnections: ROOM, maxPods: PODS, kubelet: { cgroup: `/${prefix}/kubelet.service` } }
}

beforeAll(() => app().serve(PORT, '--echo'))

afterEach(async () => {
  for (const map of ['exempt', 'exempt_probe'] as const)
    await expect.poll(() => exemptions(node.world, map)).toBe(0)
})

/** So many connections to the pod are open while `act` runs. */
async function holding(from: Place, count: number, act: () => Promise<void>): Promise<void> {
  const held: Running[] = []
  try {
    while (held.length < count) held.push(from.startDial('connect', app().ipv4, PORT, '--hold'))
    await Promise.all(held.map((each) => each.waitFor(({ ok }) => ok === true)))
    await act()
    expect(held.filter(({ running }) => !running)).toEqual([])
  } finally {
    await Promise.all(held.map((each) => each.stop()))
  }
}

async function expectNoRoom(): Promise<void> {
  const rises = await node.counted(() => client().connect(app().ipv4, PORT, '--timeout', 2000))
  expect(rises.exempt_failed).toBe(1)
  expect(rises.inbound_inbound).toBeGreaterThanOrEqual(1)
  expect(rises.dropped_loop).toBeGreaterThanOrEqual(1)
}

it('ztunnel’s are refused, it is never handed its own connection, and no probe fails', async () => {
  await holding(client(), ROOM, async () => {
    await expectNoRoom()
    for (const family of FAMILIES) {
      const rises = await node.counted(async () =>
        expectPlain(await node.world.kubelet.connect(app()[family], PORT))
      )
      expect(rises).toMatchObject({ probes: 1, inbound_exempt: 1 })
    }
  })
  expect(await client().connect(app().ipv4, PORT)).toMatchObject({ ok: true, ended: 'line' })
})

it('the kubelet’s go through ztunnel, whose own have all their room', async () => {
  await holding(node.world.kubelet, ROOM_FOR_PROBES, async () => {
    const rises = await node.counted(async () => {
      const probe = await node.world.kubelet.connect(app().ipv4, PORT)
      expect(probe).toMatchObject({ ok: true, ended: 'line' })
      expect(clientSeen(probe)).not.toBe(probe.local)
    })
    expect(rises).toMatchObject({ exempt_probe_failed: 1, inbound_exempt: 1 })
    expect(rises).not.toHaveProperty('probes')
    expect(await client().connect(app().ipv4, PORT)).toMatchObject({ ok: true, ended: 'line' })
  })
})

it('ztunnel’s leave their place to others once the application has accepted them', async () => {
  await holding(client(), ROOM, async () => {
    await expectNoRoom()
    await node.agent.stop()
    const agent = await node.world.agent({ config: { ...sizes(node.world.prefix), verifyInterval: '100ms' } })
    await expect
      .poll(() => client().connect(app().ipv4, PORT), { interval: 200 })
      .toMatchObject({ ok: true, ended: 'line' })
    const { drift } = await agent.until(() => true)
    expect(drift.exemption ?? 0).toBe(0)
  })
})
