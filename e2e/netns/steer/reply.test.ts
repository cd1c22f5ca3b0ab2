// SPDX-License-Identifier: Apache-2.0
// Segments that the kernel sends for a steered connection without a socket: they belong to ztunnel, not on the wire.

import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Place, Server } from '../../world/place.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'

const PORT = 8080
/** Longer than a delayed ACK (40 ms): what is acknowledged later is acknowledged by itself. */
const LATE = 120

const node = mesh({ enrolled: ['app'], outsiders: ['server'] })
let server: Server

beforeAll(async () => {
  server = await node.outsider('server').serve(PORT)
})

/** Resets that a machine sent so far: one for each segment that belongs to no connection. */
async function resets(place: Place): Promise<number> {
  const { stdout } = await place.exec(['cat', '/proc/net/snmp'])
  const [names, values] = stdout.split('\n').filter((line) => line.startsWith('Tcp:'))
  const index = names?.split(' ').indexOf('OutRsts') ?? -1
  return Number(values?.split(' ')[index])
}

async function lastAcks(): Promise<string> {
  return (await node.pod('app').exec(['ss', '-Htan', 'state', 'last-ack'])).stdout
}

/** The client's own address; the server has not yet seen that it closed. */
async function closeAgainstSleeper(family: Family): Promise<string> {
  const client = node.pod('app').startDial('connect', node.outsider('server')[family], PORT, '--hold')
  const connected = await client.waitFor(({ ms }) => ms !== undefined)
  server.signal('SIGSTOP')
  await client.stop()
  await sleep(LATE)
  return String(connected.local)
}

describe('a connection that its client closes long before the server does', () => {
  it.each(FAMILIES)('is acknowledged to ztunnel: %s', async (family) => {
    const before = await resets(node.outsider('server'))
    const src = await closeAgainstSleeper(family)
    server.signal('SIGCONT')
    await node.ztunnel.waitForConnection({ event: 'complete', src })
    await expect.poll(lastAcks).toBe('')
    expect(await resets(node.outsider('server'))).toBe(before)
  })
})
