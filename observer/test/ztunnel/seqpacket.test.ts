// SPDX-License-Identifier: Apache-2.0
// The server over real sockets, asked by this very process: the identity is read from /proc.

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { SeqpacketConnection, SeqpacketServer } from '#native'
import { mountedCgroup2 } from '../../processes/roots.ts'
import { createAuthorize, unifiedPath } from '../../ztunnel/identity.ts'
import type { ZdsServer } from '../../ztunnel/server.ts'
import { createZdsServer } from '../../ztunnel/server.ts'
import { workload } from './pods.ts'
import { ACK, describeRequest, HELLO } from './stand-in.ts'

const cgroup2 = await mountedCgroup2()
const ownCgroup = unifiedPath(readFileSync('/proc/self/cgroup', 'latin1'), cgroup2.namespace) ?? ''

let directory: string
let path: string
let server: ZdsServer
let isZtunnel: boolean
let fd: number
const dialled: SeqpacketConnection[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-zds-'))
  path = join(directory, 'ztunnel.sock')
  fd = openSync('/proc/self/ns/net', 'r')
  isZtunnel = true
  server = createZdsServer({
    path,
    listen: (...listening) => SeqpacketServer.listen(...listening),
    log: pino({ level: 'silent' }),
    authorize: createAuthorize({
      cgroup2,
      podOf: (cgroup) => ({ uid: 'own', path: cgroup }),
      isZtunnelPod: (uid) => uid === 'own' && isZtunnel
    })
  })
})
afterEach(() => {
  for (const connection of dialled.splice(0)) connection.close()
  server.close()
  closeSync(fd)
  rmSync(directory, { recursive: true, force: true })
})

interface Dialled {
  readonly connection: SeqpacketConnection
  readonly heard: string[]
  closed: boolean
}

/** Dials as ztunnel does, and acks everything when told to. */
function dial(acks = true): Dialled {
  const connection = SeqpacketConnection.connect(path)
  dialled.push(connection)
  const ztunnel: Dialled = { connection, heard: [], closed: false }
  connection.onMessage = (packet) => {
    ztunnel.heard.push(describeRequest(packet))
    if (acks) connection.send(ACK)
  }
  connection.onClose = () => {
    ztunnel.closed = true
  }
  return ztunnel
}

function greet(acks = true): Dialled {
  const ztunnel = dial(acks)
  ztunnel.connection.send(HELLO)
  return ztunnel
}

const offer = (uid: string) => server.offer(workload(uid, fd))
const eventually = (expectation: () => void | Promise<void>) =>
  vi.waitFor(expectation, { timeout: 30_000, interval: 10 })

describe('over real sockets', () => {
  it("the socket is its owner's alone", () => {
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('ztunnel is told of every pod, one at a time, and known by its cgroup', async () => {
    const offers = ['a', 'b', 'c'].map(offer)
    server.snapshotReady()
    const ztunnel = greet()
    await Promise.all(offers)
    await server.withdraw('b')
    expect(ztunnel.heard).toEqual(['add a', 'add b', 'add c', 'snapshot', 'del b'])
    const id = statSync(join(cgroup2.path, ownCgroup), { bigint: true }).ino
    expect(await firstValueFrom(server.ztunnels$)).toMatchObject([{ pid: process.pid, cgroup: { id } }])
  })

  it('a wrong peer is closed, hears nothing, and is counted', async () => {
    isZtunnel = false
    const waiting = offer('a')
    const peer = greet()
    await eventually(() => expect(peer.closed).toBe(true))
    expect(peer.heard).toEqual([])
    expect(server.refused).toEqual({ 'not-ztunnel': 1 })
    isZtunnel = true
    greet()
    await waiting
  })

  it.each<[string, (connection: SeqpacketConnection) => void, string]>([
    ['sends garbage', (connection) => connection.send(Uint8Array.of(0xff, 0xff)), 'garbage'],
    ['sends more than fits', (connection) => connection.send(new Uint8Array(9000)), 'garbage'],
    [
      'says hello twice',
      (connection) => {
        connection.send(HELLO)
        connection.send(HELLO)
      },
      'unexpected-message'
    ]
  ])('a ztunnel that %s is closed, and the next one served', async (_, act, reason) => {
    server.beforeFirstAdd = () => new Promise((resolve) => setTimeout(resolve, 50))
    const waiting = offer('a')
    const broken = dial()
    act(broken.connection)
    await eventually(() => expect(broken.closed).toBe(true))
    expect(broken.heard).toEqual([])
    expect(server.refused).toEqual({ [reason]: 1 })
    greet()
    await waiting
  })

  it('a ztunnel that closes half-way loses no offer', async () => {
    const waiting = offer('a')
    const first = greet(false)
    await eventually(() => expect(first.heard).toEqual(['add a']))
    first.connection.close()
    await eventually(async () => expect(await firstValueFrom(server.ztunnels$)).toEqual([]))
    greet()
    await waiting
  })

  it('a ztunnel that hangs before its ack is closed after 5 s, and the other one goes on meanwhile', async () => {
    server.snapshotReady()
    const hanging = greet(false)
    await eventually(() => expect(hanging.heard).toEqual(['snapshot']))
    const other = greet()
    await offer('a')
    expect(other.heard).toContain('add a')
    expect(hanging.closed).toBe(false)
    await eventually(() => expect(hanging.closed).toBe(true))
    expect(server.refused).toEqual({ 'ack-timeout': 1 })
  })

  it('two ztunnels: the newest gets the adds, and the older one what it missed', async () => {
    server.snapshotReady()
    const old = greet()
    await eventually(() => expect(old.heard).toEqual(['snapshot']))
    const fresh = greet()
    await eventually(() => expect(fresh.heard).toEqual(['snapshot']))
    await offer('a')
    expect([old.heard, fresh.heard]).toEqual([['snapshot'], ['snapshot', 'add a']])
    fresh.connection.close()
    await eventually(() => expect(old.heard).toEqual(['snapshot', 'add a']))
  })

  it('a descriptor that is closed is the fault of its pod alone', async () => {
    const closed = openSync('/proc/self/ns/net', 'r')
    const bad = server.offer(workload('bad', closed))
    const good = offer('good')
    closeSync(closed)
    greet()
    await expect(bad).rejects.toMatchObject({ code: 'SLUICE_ERR_ZDS_NETNS' })
    await good
  })
})
