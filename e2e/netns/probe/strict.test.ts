// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { withoutRoom } from '../setup/pinned.ts'
import { expectPlain } from '../setup/route.ts'

const PORT = 8080

const node = mesh({
  enrolled: ['app', 'member'],
  plain: ['plain'],
  agent: ({ prefix }) => ({
    config: { kubelet: { cgroup: `/${prefix}/kubelet.service` }, verifyInterval: '1h', maxConnections: 64 }
  }),
  ztunnel: { strict: true }
})

beforeAll(() => node.pod('app').serve(PORT))

describe('under a STRICT policy', () => {
  it.each(FAMILIES)('a probe of the kubelet reaches the application: %s', async (family) => {
    expectPlain(await node.world.kubelet.connect(node.pod('app')[family], PORT))
  })

  it.each(FAMILIES)('nobody else does without a certificate: %s', async (family) => {
    // A neighbour's own ztunnel speaks plain TCP here.
    for (const from of [node.world.host, node.pod('plain'), node.pod('member')]) {
      const connected = await from.connect(node.pod('app')[family], PORT)
      expect(connected.data ?? '').toBe('')
    }
  })

  it.each(FAMILIES)('a probe does though ztunnel’s connections have no room: %s', async (family) => {
    await withoutRoom(node.world, 'exempt', async () => {
      expectPlain(await node.world.kubelet.connect(node.pod('app')[family], PORT))
    })
  })

  it.each(FAMILIES)('a probe that has no room itself does not: %s', async (family) => {
    await withoutRoom(node.world, 'exempt_probe', async () => {
      const rises = await node.counted(async () => {
        const connected = await node.world.kubelet.connect(node.pod('app')[family], PORT)
        expect(connected.data ?? '').toBe('')
      })
      expect(rises.exempt_probe_failed).toBe(1)
      expect(rises.inbound_inbound).toBeGreaterThanOrEqual(1)
    })
  })
})
