// SPDX-License-Identifier: Apache-2.0
// Segments that the kernel sends for a steered connection without a socket: they belong to ztunnel, not on the wire.

import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Server } from '../../world/place.ts'
import { FAMILIES, type Family, type Mesh, mesh } from '../setup/mesh.ts'
import { Wire } from '../setup/wire.ts'

const PORT = 8080
/** Longer than a delayed ACK (40 ms): what is acknowledged later is acknowledged by itself. */
const LATE = 120

async function lastAcks(node: Mesh): Promise<string> {
  return (await node.pod('app').exec(['ss', '-Htan', 'state', 'last-ack'])).stdout
}

/** The client's own address; the server has not yet seen that it closed. */
async function closeAgainstSleeper(node: Mesh, server: Server, family: Family): Promise<string> {
  const client = node.pod('app').startDial('connect', node.outsider('server')[family], PORT, '--hold')
  const connected = await client.waitFor(({ ms }) => ms !== undefined)
  server.signal('SIGSTOP')
  await client.stop()
  await sleep(LATE)
  return String(connected.local)
}

describe('a connection that its client closes long before the server does', () => {
  const node = mesh({ enrolled: ['app'], outsiders: ['server'] })
  let server: Server
  beforeAll(async () => {
    server = await node.outsider('server').serve(PORT)
  })

  it.each(FAMILIES)('is acknowledged to ztunnel: %s', async (family) => {
    const wire = await Wire.watch(node.outsider('server'), PORT)
    const src = await closeAgainstSleeper(node, server, family)
    server.signal('SIGCONT')
    await node.ztunnel.waitForConnection({ event: 'complete', src })
    await expect.poll(() => lastAcks(node)).toBe('')
    await wire.stop()
    expect(wire.segments).not.toEqual([])
    expect(wire.strangers(server)).toEqual([])
  })
})

describe('under a mark of ztunnel’s own', () => {
  const node = mesh({
    enrolled: ['app'],
    outsiders: ['server'],
    ztunnel: { fault: 'own-mark', standIn: true }
  })

  it.each(FAMILIES)('the server hears of it, and ztunnel does not: %s', async (family) => {
    const server = await node.outsider('server').serve(PORT)
    const wire = await Wire.watch(node.outsider('server'), PORT)
    const from = await closeAgainstSleeper(node, server, family)
    server.signal('SIGCONT')
    await expect
      .poll(() => wire.strangers(server))
      .toContainEqual(expect.objectContaining({ from, flags: 'A' }))
    expect(await lastAcks(node)).not.toBe('')
    await wire.stop()
    await server.stop()
  })
})
