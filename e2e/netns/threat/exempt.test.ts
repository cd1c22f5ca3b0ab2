// SPDX-License-Identifier: Apache-2.0
// ztunnel's connections to the application pass the listener lookup, by their ends. Nobody else gets in by the same.

import { beforeAll, describe, expect, it } from 'vitest'
import { role_kind } from '#contract'
import type { Connected, Server } from '../../world/place.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { exemptionsOf, forgeExemption } from '../setup/pinned.ts'
import { clientSeen, endpoint, expectPlain } from '../setup/route.ts'

const PORT = 8080
/** Exemptions are looked through in every sixth round of the verification. */
const ROUND = '100ms'

/** Ends nothing when the other side does. */
const HALF_OPEN = `const [, host, port] = process.argv
  setInterval(() => {}, 60_000)
  require('node:net').connect({ host, port, allowHalfOpen: true })
    .on('data', (data) => console.log(JSON.stringify({ event: 'greeted', data: String(data) })))`

const node = mesh({
  enrolled: ['app'],
  plain: ['neighbour'],
  agent: { config: { verifyInterval: ROUND } }
})
let server: Server

beforeAll(async () => {
  server = await node.pod('app').serve(PORT)
})

/** From that port of the neighbour, which is free again afterwards. */
async function dialled(family: Family, port: number): Promise<Connected> {
  const neighbour = node.pod('neighbour')
  const range = await neighbour.sysctl('net.ipv4.ip_local_port_range')
  const options = ['--local-ports', `${port}-${port}`, '--rst']
  const connected = await neighbour.connect(node.pod('app')[family], PORT, ...options)
  await neighbour.sysctl('net.ipv4.ip_local_port_range', range)
  return connected
}

async function expectThroughZtunnel(connected: Connected): Promise<void> {
  expect(connected).toMatchObject({ ok: true, ended: 'line' })
  expect(clientSeen(connected)).not.toBe(connected.local)
  await node.ztunnel.waitForConnection({ direction: 'inbound', src: connected.local ?? '' })
}

describe('an exemption whose connection is gone', () => {
  it.each(FAMILIES)('would let a neighbour in, and is swept and counted: %s', async (family) => {
    const port = family === 'ipv4' ? 45_001 : 45_002
    const [app, neighbour] = [node.pod('app'), node.pod('neighbour')]
    const alive = neighbour.startDial('connect', app[family], PORT, '--hold')
    await alive.waitFor(({ ok }) => ok === true)
    const { drift } = await node.report()
    node.agent.pause()
    await forgeExemption(node.world, app, {
      client: { address: neighbour[family], port },
      server: { address: app[family], port: PORT },
      role: role_kind.ROLE_ZTUNNEL
    })
    expectPlain(await dialled(family, port))
    node.agent.resume()
    await node.agent.until((now) => (now.drift.exemption ?? 0) === (drift.exemption ?? 0) + 1)
    await expectThroughZtunnel(await dialled(family, port))
    await expect.poll(() => exemptionsOf(node.world, app), { timeout: 60_000 }).toEqual([])
    expect(alive.running).toBe(true)
    await alive.stop()
  })
})

describe('a neighbour that keeps its end of a connection open', () => {
  it.each(FAMILIES)(
    'gets nothing by ztunnel’s port once the application has ended its own: %s',
    async (family) => {
      const [app, neighbour] = [node.pod('app'), node.pod('neighbour')]
      await app.sysctl('net.ipv4.tcp_fin_timeout', 1)
      const client = neighbour.spawn([process.execPath, '-e', HALF_OPEN, app[family], PORT])
      const greeted = await client.waitForEvent('greeted')
      const port = Number(/:(\d+) local=/.exec(String(greeted.data))?.[1])
      const [ofApp, ofZtunnel] = [endpoint(app[family], PORT), endpoint(neighbour[family], port)]
      const sockets = async (...filter: string[]) => (await app.exec(['ss', '-Htan', ...filter])).stdout
      await server.stop('SIGKILL')
      await expect.poll(() => sockets('src', ofApp, 'dst', ofZtunnel), { timeout: 60_000 }).toBe('')
      // ztunnel's own end waits for the neighbour's.
      expect(await sockets('state', 'close-wait', 'src', ofZtunnel, 'dst', ofApp)).not.toBe('')
      server = await app.serve(PORT)
      await expectThroughZtunnel(await dialled(family, port))
      await client.stop()
    }
  )
})
