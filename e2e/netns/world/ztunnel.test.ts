// SPDX-License-Identifier: Apache-2.0
// The stand-in without an agent: pods handed over by a driver, captured by Istio's own iptables rules.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { captureByIptables } from '../../world/iptables.ts'
import { host } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { Running } from '../../world/running.ts'
import { createWorld, type World } from '../../world/world.ts'
import { startZtunnel, type Ztunnel } from '../../ztunnel/launch.ts'

const FAMILIES = ['ipv4', 'ipv6'] as const
const DRIVER = join(import.meta.dirname, '../../../build/e2e/zds-driver')

function field(number: number, bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes as string)
  return Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body])
}

function add(pod: Pod): string {
  const info = Buffer.concat([field(1, pod.name), field(2, pod.namespace), field(3, pod.name)])
  const request = field(1, Buffer.concat([field(1, pod.uid), field(2, info)]))
  return `send ${request.toString('hex')} /var/run/netns/${pod.netns}\n`
}

function del(pod: Pod): string {
  return `send ${field(2, field(2, pod.uid)).toString('hex')}\n`
}

describe('the stand-in', () => {
  let world: World
  let driver: Running
  let ztunnel: Ztunnel
  let client: Pod
  let server: Pod

  async function acked(message: string): Promise<void> {
    const count = driver.lines.length
    driver.write(message)
    await driver.waitFor((line) => driver.lines.indexOf(line) >= count && line.hex === '0a00')
  }

  beforeAll(async () => {
    world = await createWorld()
    client = await world.pod('client')
    server = await world.pod('server')
    ztunnel = await startZtunnel(world, { standIn: true })
    driver = new Running([DRIVER, world.zdsSocket])
    await driver.waitFor(({ hex }) => hex === '0801')
    for (const pod of [client, server]) {
      await acked(add(pod))
      await captureByIptables(pod)
    }
    await acked('send 1a00\n')
  })
  afterAll(async () => {
    driver.endInput()
    await world.cleanup()
  })

  it.each(FAMILIES)(
    'carries a connection to where it was going and shows the client’s address: %s',
    async (family) => {
      const served = await server.serve(8080)
      const address = server.address(family)
      const dst = family === 'ipv4' ? `${address}:8080` : `[${address}]:8080`
      const connected = await client.connect(address, 8080)
      expect(connected).toMatchObject({ ok: true, peer: dst, ended: 'line' })
      expect(served.peers).toEqual([client.address(family)])
      // The client saw its own port, the server another one: two proxies are between them.
      expect(connected.data).not.toContain(`peer=${connected.local} `)
      expect(ztunnel.opened({ direction: 'outbound', dst })).toMatchObject([{ src: connected.local }])
      const inbound = await ztunnel.waitForConnection({ event: 'complete', direction: 'inbound', dst })
      expect(host(inbound.src)).toBe(client.address(family))
      expect(inbound.bytesReceived).toBe((connected.data?.length ?? 0) + 1)
      await served.stop()
    }
  )

  it('passes on that nobody listens', async () => {
    expect(await client.connect(server.ipv4, 81)).toMatchObject({ ok: true, data: '', ended: 'eof' })
    await ztunnel.waitForConnection({ event: 'complete', direction: 'inbound', error: 'ECONNREFUSED' })
  })

  it('copies both ways until either side has ended, half-closed ones too', async () => {
    const served = await server.serve(8080, '--echo')
    const held = client.startDial('connect', server.ipv4, 8080, '--hold')
    await held.waitFor(({ ok }) => ok === true)
    const many = await client.connectMany(server.ipv6, 8080, 200)
    expect(many).toMatchObject({ connected: 200, greeted: 200 })
    await held.waitFor(({ event, echoed }) => event === 'echo' && Number(echoed) > 1)
    await held.stop()
    expect(held.lines.at(-1)).toMatchObject({ event: 'held' })
    await served.stop()
  })

  it.each([
    ['its own address', '', 15001],
    ['loopback', '127.0.0.1', 15001],
    ['loopback', '::1', 15006]
  ])('hands nothing on to its own ports: %s', async (_, address, port) => {
    const before = ztunnel.connections.length
    expect(await client.connect(address || client.ipv4, port)).toMatchObject({ data: '', ended: 'eof' })
    expect(ztunnel.connections.slice(before).map(({ event }) => event)).not.toContain('opened')
  })

  it('ends listeners and live connections at once on Del', async () => {
    const served = await server.serve(8080, '--echo')
    const held = client.startDial('connect', server.ipv4, 8080, '--hold')
    await held.waitFor(({ ok }) => ok === true)
    await acked(del(client))
    await held.waitForEvent('broken')
    expect(await client.connect(server.ipv4, 8080)).toMatchObject({ errno: 'ECONNREFUSED' })
    await acked(add(client))
    expect(await client.connect(server.ipv4, 8080)).toMatchObject({ ok: true, ended: 'line' })
    await served.stop()
  })

  it('keeps what the agent names again after a new connection, and drops the rest with the snapshot', async () => {
    driver.write('close\n')
    await ztunnel.waitFor(({ event }) => event === 'disconnected')
    const served = await server.serve(8080)
    expect(await client.connect(server.ipv4, 8080)).toMatchObject({ ended: 'line' })
    await driver.waitFor((line) => driver.lines.filter(({ hex }) => hex === '0801').indexOf(line) === 1)
    await acked(`send ${field(5, field(1, client.uid)).toString('hex')}\n`)
    await acked('send 1a00\n')
    await ztunnel.waitFor(({ event, uid }) => event === 'stopped' && uid === server.uid)
    expect(ztunnel.lines.filter(({ event, uid }) => event === 'stopped' && uid === client.uid)).toHaveLength(
      1
    )
    await served.stop()
  })

  it('ends on SIGTERM', async () => {
    expect(await ztunnel.stop()).toEqual({ code: 0, signal: null })
  })
})
