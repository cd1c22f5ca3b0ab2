// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BpfObject } from '../lib/object.ts'
import { closing, failure, programPath } from './fixture.ts'
import { type Point, point } from './map-values.ts'

function load(): BpfObject {
  return closing(BpfObject.load(programPath('maps')))
}

describe('socket maps', () => {
  async function socketFd(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = createConnection((server.address() as { port: number }).port, '127.0.0.1')
    await once(client, 'connect')
    onTestFinished(() => {
      client.destroy()
      server.close()
    })
    return (client as unknown as { _handle: { fd: number } })._handle.fd
  }

  it('stores a socket by its descriptor and lists its key', async () => {
    const sockets = load().map<Point, bigint>('sockets')
    sockets.setFd(point(1), await socketFd())
    expect(sockets.keys()).toEqual([point(1)])
    expect(sockets.get(point(1))).toBeGreaterThan(0n)
    expect([sockets.delete(point(1)), sockets.delete(point(1))]).toEqual([true, false])
  })

  it('refuses what is no socket', () => {
    const file = openSync('/dev/null', 'r')
    onTestFinished(() => closeSync(file))
    failure(() => load().map<Point, bigint>('sockets').setFd(point(1), file), 'EBPF_MAP')
  })

  it('reads and writes the storage of a socket', async () => {
    const store = load().map<number, Point>('sk_store')
    const fd = await socketFd()
    expect(store.get(fd)).toBeUndefined()
    store.set(fd, point(9))
    expect(store.get(fd)).toEqual(point(9))
    expect(store.delete(fd)).toBe(true)
    failure(() => store.keys(), 'EBPF_UNSUPPORTED')
  })
})
