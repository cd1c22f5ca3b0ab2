// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import { host, type Server } from '../../world/place.ts'
import { addressOf } from '../../ztunnel/answer.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint, expectPlain } from '../setup/route.ts'

const PORT = 8080
const SERVICE = 'own.default.svc.cluster.local'

const node = mesh({ enrolled: ['app'], ztunnel: false })
let server: Server

beforeAll(async () => {
  server = await node.pod('app').serve(PORT)
  await node.startZtunnel({ services: { [SERVICE]: node.pod('app') } })
  await node.agent.untilPod(node.pod('app'), 'enrolled')
})

describe('a pod’s own traffic', () => {
  it.each(FAMILIES)(
    'to a service that leads back to it goes through ztunnel and arrives: %s',
    async (family) => {
      const vip = addressOf(SERVICE, 'ztunnel', family)
      const app = node.pod('app')
      const connected = await app.connect(vip, PORT)
      expect(connected).toMatchObject({ ok: true, peer: endpoint(vip, PORT), ended: 'line' })
      expect(clientSeen(connected)).not.toBe(connected.local)
      expect(host(server.seen.at(-1)?.peer ?? '')).toBe(app[family])
    }
  )

  it.each(FAMILIES)('to its own address does not: %s', async (family) => {
    const own = node.pod('app')[family]
    const connected = await node.pod('app').connect(own, PORT)
    expectPlain(connected)
    expect(node.ztunnel.opened().filter(({ src }) => src === connected.local)).toEqual([])
  })
})
