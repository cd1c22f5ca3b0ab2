// SPDX-License-Identifier: Apache-2.0
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SeqpacketConnection } from '../lib/seqpacket.ts'
import { compile, compilePreload, library, openFds, runProgram } from './netns-world.ts'
import { bytes, end, failure, Sockets } from './seqpacket-world.ts'

const programs = mkdtempSync(join(tmpdir(), 'seqpacket-'))
let peerProgram: string
let sockets: Sockets
let peers: ChildProcessWithoutNullStreams[]

beforeAll(() => {
  peerProgram = compile('seqpacket-peer', programs)
})
afterAll(() => rmSync(programs, { recursive: true, force: true }))

beforeEach(() => {
  sockets = new Sockets()
  peers = []
})

afterEach(() => {
  for (const peer of peers) peer.kill('SIGKILL')
  sockets.dispose()
})

function peer(...args: string[]): ChildProcessWithoutNullStreams {
  const child = spawn(peerProgram, [sockets.path, ...args])
  peers.push(child)
  return child
}

const nextMessage = (connection: SeqpacketConnection): Promise<{ data: Uint8Array; truncated: boolean }> =>
  new Promise((resolve) => {
    connection.onMessage = (data, truncated) => resolve({ data, truncated })
  })

describe('messages', () => {
  it('keeps their boundaries and order, both ways', async () => {
    const [server, client] = await sockets.pair()
    for (const [from, to] of [
      [client, server],
      [server, client]
    ] as const) {
      const got: string[] = []
      to.onMessage = (data) => got.push(new TextDecoder().decode(data))
      for (let i = 0; i < 100; i++) from.send(bytes(`message ${i}`))
      await expect.poll(() => got).toEqual(Array.from({ length: 100 }, (_, i) => `message ${i}`))
    }
  })

  it.each([
    [16, 16, false],
    [17, 16, true]
  ])('delivers %i bytes as %i, truncated: %s', async (sent, received, truncated) => {
    const [server, client] = await sockets.pair({ maxMessageBytes: 16 })
    const message = nextMessage(server)
    client.send(new Uint8Array(sent).fill(7))
    expect(await message).toEqual({ data: new Uint8Array(received).fill(7), truncated })
  })

  it('sends file descriptors that the peer can use', async () => {
    writeFileSync(join(sockets.directory, 'file'), '')
    const fds = [openSync(join(sockets.directory, 'file'), 'r'), openSync('/dev/null', 'r')]
    sockets.listen((connection) => connection.send(bytes('take'), fds))
    const [line] = (await once(peer('receive').stdout, 'data')) as [Buffer]
    expect(line.toString()).toBe(`take ${join(sockets.directory, 'file')} /dev/null\n`)
  })

  it.each([1, 253])('closes the %i file descriptors of a peer at once', async (count) => {
    const connected = new Promise<SeqpacketConnection>((resolve) => sockets.listen(resolve))
    const child = peer('send', String(count))
    const connection = await connected
    const before = openFds()
    await nextMessage(connection)
    expect(openFds()).toBeLessThanOrEqual(before)
    connection.send(bytes('done'))
    await once(child, 'exit')
  })

  it('never blocks when the peer does not read', async () => {
    const connected = new Promise<SeqpacketConnection>((resolve) => sockets.listen(resolve))
    peer('idle')
    const connection = await connected
    expect(() => {
      for (;;) connection.send(new Uint8Array(1000))
    }).toThrow(failure('ESEQPACKET_FULL', { errno: 11, syscall: 'sendmsg' }))
  })

  it.each<[unknown, unknown]>([
    ['text', []],
    [new Uint8Array(0), []],
    [new Uint16Array(1), []],
    [new Uint8Array(1), 3],
    [new Uint8Array(1), ['3']],
    [new Uint8Array(1), [-1]],
    [new Uint8Array(1), Array.from({ length: 254 }, () => 0)]
  ])('refuses to send %j with %j', async (data, fds) => {
    const [server] = await sockets.pair()
    expect(() => server.send(data as Uint8Array, fds as number[])).toThrow(failure('EINVALID_ARGUMENT'))
  })

  it('says that a file descriptor is not open', async () => {
    const [server] = await sockets.pair()
    expect(() => server.send(bytes('x'), [999_999])).toThrow(failure('ESEQPACKET_SEND', { errno: 9 }))
  })
})

describe('the peer', () => {
  it('is identified, and known to have ended before its connection is seen to', async () => {
    const connected = new Promise<SeqpacketConnection>((resolve) => sockets.listen(resolve))
    const child = peer('idle')
    const connection = await connected
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
    const startTime = BigInt(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '')
    expect(connection.peer).toEqual({ pid: child.pid, uid: 0, gid: 0, startTime, pidfd: expect.any(Number) })
    expect(readFileSync(`/proc/self/fdinfo/${connection.peer.pidfd}`, 'utf8')).toContain(`Pid:\t${child.pid}`)
    expect(connection.isPeerAlive()).toBe(true)
    child.kill('SIGKILL')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    expect(connection.isPeerAlive()).toBe(false)
    expect(await end(connection)).toBeUndefined()
    expect(() => connection.isPeerAlive()).toThrow(failure('ECLOSED'))
  })

  it('that leaves is told once, after its last messages', async () => {
    const [server, client] = await sockets.pair()
    const log: string[] = []
    server.onMessage = (data) => log.push(new TextDecoder().decode(data))
    server.onClose = (error) => log.push(`closed ${error}`)
    client.send(bytes('one'))
    client.send(bytes('two'))
    client.close()
    await expect.poll(() => log.length).toBe(3)
    await sleep(30)
    expect(log).toEqual(['one', 'two', 'closed undefined'])
  })

  it('that leaves with messages unread is an error with its reason', async () => {
    const [server, client] = await sockets.pair()
    const ended = end(server)
    server.send(bytes('unread'))
    client.close()
    expect(await ended).toEqual(failure('ESEQPACKET_RECEIVE', { errno: 104, syscall: 'recvmsg' }))
  })

  it('that left makes send() report by onClose, once', async () => {
    const [server, client] = await sockets.pair()
    const ends: unknown[] = []
    server.onClose = (error) => ends.push(error)
    client.close()
    server.send(bytes('late'))
    server.send(bytes('later'))
    await expect.poll(() => ends.length).toBe(1)
    await sleep(30)
    expect(ends).toEqual([failure('ESEQPACKET_ENDED', { errno: 32, syscall: 'sendmsg' })])
  })

  it('is not reported by a close of our own', async () => {
    const [server, client] = await sockets.pair()
    let reported = 0
    server.onClose = () => reported++
    const ended = end(client)
    server.close()
    server.close()
    await ended
    await sleep(20)
    expect(reported).toBe(0)
    expect(() => server.send(bytes('x'))).toThrow(failure('ECLOSED'))
  })
})

it('a process ends as always after a peer could not be identified', () => {
  sockets.listen()
  const program = `import { SeqpacketConnection } from '${library('seqpacket')}'
    const code = () => {
      try { SeqpacketConnection.connect('${sockets.path}') } catch (error) { return error.code }
    }
    console.log(code(), code())`
  // Memory that was given back is not what it was: a handle that is still known then cannot be closed.
  const preload = `LD_PRELOAD=${compilePreload('peerless', programs)}`
  expect(runProgram(program, ['env', preload, 'MALLOC_PERTURB_=165'])).toEqual(
    expect.objectContaining({
      status: 0,
      signal: null,
      stdout: 'SLUICE_NATIVE_ESEQPACKET_PEER SLUICE_NATIVE_ESEQPACKET_PEER\n'
    })
  )
})
