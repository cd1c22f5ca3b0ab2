// SPDX-License-Identifier: Apache-2.0
// ztunnel is away.

import { beforeAll, describe, expect, it } from 'vitest'
import { type Connected, host, type Server } from '../../world/place.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080

const node = mesh({ enrolled: ['app'], plain: ['plain'], outsiders: ['server'] })
let server: Server
let application: Server

const address = (family: Family) => node.outsider('server')[family]

beforeAll(async () => {
  server = await node.outsider('server').serve(PORT)
  application = await node.pod('app').serve(PORT)
})

describe('while ztunnel is away', () => {
  beforeAll(async () => {
    await node.ztunnel.kill9()
  })

  it.each(FAMILIES)('nothing leaves the pod, and it is counted: %s', async (family) => {
    const seen = server.seen.length
    const rises = await node.counted(async () => {
      const connected = await node.pod('app').connect(address(family), PORT, '--timeout', 1500)
      expect(connected).toMatchObject({ ok: false, stage: 'connect', errno: 'TIMEOUT' })
    })
    expect(server.seen).toHaveLength(seen)
    expect(rises.dropped_no_listener).toBeGreaterThanOrEqual(1)
  })

  it.each(FAMILIES)('nothing reaches the application: %s', async (family) => {
    const rises = await node.counted(async () => {
      const address = node.pod('app').address(family)
      const connected = await node.pod('plain').connect(address, PORT, '--timeout', 1500)
      expect(connected).toMatchObject({ ok: false, errno: 'TIMEOUT' })
    })
    expect(application.seen).toEqual([])
    expect(rises.dropped_no_listener).toBeGreaterThanOrEqual(1)
  })

  it.each(FAMILIES)('pods outside the mesh do not notice: %s', async (family) => {
    expectPlain(await node.pod('plain').connect(address(family), PORT))
  })

  it('an IPv4 connection waits until it is back, and then everything works again', async () => {
    const pod = node.pod('app')
    const waiting = pod.connect(address('ipv4'), PORT)
    await node.counted(() => node.agent.until(({ counters }) => (counters.dropped_no_listener ?? 0) > 0))
    await node.startZtunnel()
    const to = endpoint(address('ipv4'), PORT)
    await expectSteered(node, await waiting, { from: pod, family: 'ipv4', to })
    await node.agent.untilPod(pod, 'enrolled')
    for (const family of FAMILIES) {
      const connected: Connected = await pod.connect(address(family), PORT)
      await expectSteered(node, connected, { from: pod, family, to: endpoint(address(family), PORT) })
      const inbound = await node.pod('plain').connect(pod.address(family), PORT)
      expect(host(clientSeen(inbound))).toBe(node.pod('plain').address(family))
    }
  })
})
