// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'

const PORT = 8080

const node = mesh({
  enrolled: ['app', 'member'],
  plain: ['plain'],
  agent: ({ prefix }) => ({ config: { kubelet: { cgroup: `/${prefix}/kubelet.service` } } }),
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
})
