// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { host, type Place, type Server } from '../../world/place.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint, expectPlain } from '../setup/route.ts'

const PORT = 8080
const BULK = 8090
const DOWN = 8099
const BULK_SCRIPT = join(import.meta.dirname, '../setup/bulk.ts')
const BYTES = 10 * 1024 * 1024
const CLIENTS = ['plain', 'member', 'outsider', 'host'] as const
const FAMILIES_AND_CLIENTS = FAMILIES.flatMap((family) => CLIENTS.map((client) => [family, client] as const))

const node = mesh({ enrolled: ['app', 'member'], plain: ['plain'], outsiders: ['outsider'] })
let server: Server

function client(name: (typeof CLIENTS)[number]): Place {
  if (name === 'host') return node.world.host
  return name === 'outsider' ? node.outsider(name) : node.pod(name)
}

function addressOf(name: (typeof CLIENTS)[number], family: Family): string {
  if (name === 'host') return node.world.bridge[family]
  return name === 'outsider' ? node.outsider(name)[family] : node.pod(name).address(family)
}

const app = (family: Family) => node.pod('app').address(family)

beforeAll(async () => {
  server = await node.pod('app').serve(PORT)
  await node.pod('app').spawn([process.execPath, BULK_SCRIPT, 'serve', BULK]).waitForEvent('listening')
})

describe('a connection to a pod in the mesh', () => {
  it.each(FAMILIES_AND_CLIENTS)(
    'comes to the application through ztunnel, from the client’s address: %s, %s',
    async (family, name) => {
      const to = endpoint(app(family), PORT)
      const rises = await node.counted(async () => {
        const connected = await client(name).connect(app(family), PORT)
        expect(connected).toMatchObject({ ok: true, peer: to, ended: 'line' })
        expect(host(clientSeen(connected))).toBe(addressOf(name, family))
        expect(clientSeen(connected)).not.toBe(connected.local)
        expect(server.seen.at(-1)).toMatchObject({ peer: clientSeen(connected), local: to })
        const seen = name === 'member' ? {} : { src: connected.local ?? '' }
        await node.ztunnel.waitForConnection({ direction: 'inbound', dst: to, ...seen })
      })
      expect(rises).toMatchObject({ inbound_inbound: 1, ztunnel_dials: 1, inbound_exempt: 1 })
    }
  )

  it.each(FAMILIES_AND_CLIENTS)('carries 10 MB there and back: %s, %s', async (family, name) => {
    const argv = [process.execPath, BULK_SCRIPT, 'send', app(family), BULK, BYTES]
    const { lines, stderr } = await client(name).exec(argv)
    expect(lines, stderr).toEqual([{ ok: true, bytes: BYTES }])
  })

  it.each(FAMILIES_AND_CLIENTS)(
    'is ended when the application is down, not left waiting: %s, %s',
    async (family, name) => {
      const connected = await client(name).connect(app(family), DOWN)
      expect(connected.data ?? '').toBe('')
      expect(['eof', 'ECONNRESET', undefined]).toContain(connected.ended)
      // ztunnel was refused, by the reset that the pod's own stack sent it: it did not give up waiting.
      const refused = { direction: 'inbound', event: 'complete', dst: endpoint(app(family), DOWN) } as const
      await node.ztunnel.waitForConnection({ ...refused, error: /refused/i })
    }
  )

  it('of the pod to itself does not pass through ztunnel', async () => {
    for (const family of FAMILIES) expectPlain(await node.pod('app').connect(app(family), PORT))
  })

  it.each(FAMILIES)('works with SYN cookies, in and out: %s', async (family) => {
    const pod = node.pod('app')
    const before = await pod.sysctl('net.ipv4.tcp_syncookies')
    await pod.sysctl('net.ipv4.tcp_syncookies', 2)
    const rises = await node.counted(async () => {
      const connected = await node.pod('plain').connect(app(family), PORT)
      expect(connected).toMatchObject({ ok: true, ended: 'line' })
      expect(host(clientSeen(connected))).toBe(addressOf('plain', family))
    })
    expect(rises).toMatchObject({ ztunnel_dials: 1 })
    const served = await node.outsider('outsider').serve(PORT + 1)
    const out = await pod.connect(node.outsider('outsider')[family], PORT + 1)
    expect(out).toMatchObject({ ok: true, ended: 'line' })
    expect(served.peers).toEqual([app(family)])
    await served.stop()
    await pod.sysctl('net.ipv4.tcp_syncookies', before)
  })
})
