// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { BpfObject } from '../lib/object.ts'
import { closing, failure, openFds, programPath } from './fixture.ts'
import { type Point, point } from './map-values.ts'
import { FD_NOISE, netns, SOURCE, useWorld, world } from './netns-world.ts'

useWorld()

const listening = (): string => world.exec('ss', '-Hltn')

/** What connect() says there, as bash does; 124: it still waits after so many seconds. */
function dial(address: string, port: number, patience = 30): number {
  const program = `timeout ${patience} bash -c 'exec 3<>/dev/tcp/${address}/${port}' 2>/dev/null; echo $?`
  return Number(world.exec('bash', '-c', program))
}

describe('a mute listener', () => {
  it('listens on the port that was asked for until it is closed', async () => {
    const listener = await netns.muteListener(15002)
    expect(listening()).toMatch(/192\.0\.2\.1\]?:15002/)
    listener.close()
    listener.close()
    expect(listening()).toBe('')
    failure(() => listener.fd, 'ECLOSED')
  })

  it('takes another port where that one is taken, and leaves it to others', async () => {
    using first = await netns.muteListener(15002)
    using second = await netns.muteListener(15002)
    expect(first.fd).not.toBe(second.fd)
    expect(listening().match(/192\.0\.2\.1\]?:\d+/g)).toHaveLength(2)
  })

  it('is found by nobody who is not sent to it', async () => {
    using listener = await netns.muteListener(15002)
    expect(listener.fd).toBeGreaterThan(0)
    expect([dial('127.0.0.1', 15002), dial(SOURCE.ipv4, 15002), dial(SOURCE.ipv6, 15002)]).toEqual([1, 1, 1])
  })

  it.each([
    ['ipv4', '127.0.0.1'],
    ['ipv6', '::1']
  ])('leaves the SYN of one who is sent to it unanswered: %s', async (_, address) => {
    using listener = await netns.muteListener()
    const object = closing(BpfObject.load(programPath('sink')))
    expect(dial(address, 4444)).toBe(1)
    object.map<number, bigint>('sink').setFd(0, listener.fd)
    const link = closing(object.program('to_sink').attachNetns(netns.fd))
    expect(dial(address, 4444, 0.7)).toBe(124)
    listener.close()
    expect(dial(address, 4444)).toBe(1)
    link.close()
  })

  it('is transparent, as is told of every listener with its inode', async () => {
    using listener = await netns.muteListener(15002)
    const [found] = await netns.run([{ op: 'listeners', ports: [15002] }])
    const link = execFileSync('readlink', [`/proc/${process.pid}/fd/${listener.fd}`], { encoding: 'utf8' })
    expect(found).toMatchObject([{ port: 15002, transparent: true }])
    expect(`socket:[${found[0]?.inode}]`).toBe(link.trim())
  })

  it('is not replaced in a socket map by one that must not be there yet', async () => {
    using one = await netns.muteListener()
    using other = await netns.muteListener()
    const sockets = closing(BpfObject.load(programPath('maps'))).map<Point, bigint>('sockets')
    sockets.setFd(point(1), one.fd, 'noexist')
    const cookie = sockets.get(point(1))
    failure(() => sockets.setFd(point(1), other.fd, 'noexist'), 'EBPF_MAP')
    expect(sockets.get(point(1))).toBe(cookie)
    sockets.setFd(point(1), other.fd)
    expect(sockets.get(point(1))).not.toBe(cookie)
    one.close()
    other.close()
    expect(sockets.keys()).toEqual([])
  })

  it('leaks no descriptor', async () => {
    const before = openFds()
    for (let i = 0; i < 200; i++) (await netns.muteListener()).close()
    await expect.poll(openFds).toBeLessThan(before + FD_NOISE)
  })
})
