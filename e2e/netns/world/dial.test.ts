// SPDX-License-Identifier: Apache-2.0
// The application in a pod, without an agent: the control run of every way to connect.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DIAL, type Server } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { run } from '../../world/running.ts'
import { createWorld, type World } from '../../world/world.ts'

describe('dial', () => {
  let world: World
  let client: Pod
  let neighbour: Pod
  let server: Pod
  let served: Server
  beforeAll(async () => {
    world = await createWorld()
    client = await world.pod('client')
    neighbour = await world.pod('neighbour')
    server = await world.pod('server')
    served = await server.serve(8080)
  })
  afterAll(() => world.cleanup())

  it.each([
    ['blocking'],
    ['non-blocking', '--nonblock'],
    ['TCP Fast Open', '--tfo'],
    ['io_uring', '--uring'],
    ['io_uring, asynchronous', '--uring-async'],
    ['io_uring, polled by the kernel', '--uring-sqpoll'],
    ['MPTCP', '--mptcp'],
    ['bound to a device', '--device', 'eth0'],
    ['a unicast interface', '--unicast-if', 'eth0'],
    ['without gateways', '--dontroute'],
    ['marked', '--mark', '7'],
    ['closed by RST', '--rst'],
    ['options set while connecting', '--set-after', 'SO_MARK:7', '--set-after', 'SO_BINDTOIFINDEX:%eth0']
  ])('connects in every way, v4, v6 and mapped: %s', async (_, ...options) => {
    for (const address of [server.ipv4, server.ipv6, `::ffff:${server.ipv4}`]) {
      const connected = await client.connect(address, 8080, ...options)
      expect(connected).toMatchObject({ ok: true, ended: 'line' })
      expect(connected.peer?.includes(address)).toBe(true)
    }
  })

  it('connects again on the same socket, after AF_UNSPEC and after a failure', async () => {
    const again = await client.dialAll('connect', server.ipv4, 8080, '--again', server.ipv4, 8080)
    expect(again).toMatchObject([{ ok: true }, { ok: true, data: expect.stringContaining('hello') }])
    const after = await client.dialAll('connect', server.ipv6, 81, '--after-failure', server.ipv6, 8080)
    expect(after).toMatchObject([{ errno: 'ECONNREFUSED' }, { ok: true }])
  })

  it('binds, and says what failed', async () => {
    expect(await client.connect(server.ipv4, 8080, '--bind', client.ipv4)).toMatchObject({ ok: true })
    const refused = await client.connect(server.ipv4, 8080, '--bind', '127.0.0.1')
    expect(refused).toMatchObject({ ok: false, errno: 'EINVAL', stage: 'connect' })
    const foreign = await client.connect(server.ipv4, 8080, '--bind', server.ipv4)
    expect(foreign).toMatchObject({ errno: 'EADDRNOTAVAIL', stage: 'bind' })
  })

  it('uses a socket of another pod: passed, inherited, or made before the process moved', async () => {
    const path = join(world.runDirectory, 'pass.sock')
    const receiver = client.startDial('receive-socket', path, '--', server.ipv4, 8080)
    expect(await neighbour.dial('pass-socket', path, 'ipv4')).toMatchObject({ ok: true })
    const passed = await receiver.waitFor(({ ok }) => ok === true)
    expect(passed.local).toContain(neighbour.ipv4)

    const { cgroup, netns } = client
    const inherited = await neighbour.dial('inherit', cgroup, netns, '--', server.ipv4, 8080)
    expect(inherited).toMatchObject({ ok: true, local: expect.stringContaining(neighbour.ipv4) })

    const waiting = neighbour.startDial('connect', server.ipv4, 8080, '--wait-line')
    const { pid } = await waiting.waitForEvent('waiting')
    await client.adopt(Number(pid))
    expect(await client.processes()).toContain(pid)
    waiting.write('\n')
    expect(await waiting.waitFor(({ ok }) => ok === true)).toMatchObject({ data: expect.any(String) })
  })

  it('runs out of local ports where there are none left', async () => {
    const pod = await world.pod('few-ports')
    const tally = await pod.connectMany(server.ipv4, 8080, 20, '--local-ports', '40000-40009')
    expect(tally).toMatchObject({ connected: 10, greeted: 10, errors: { EADDRNOTAVAIL: 10 } })
    const rst = await pod.connectMany(server.ipv6, 8080, 20, '--local-ports', '40000-40009', '--rst')
    expect(rst).toMatchObject({ connected: 20, errors: {} })
  })

  it('joins a cgroup that it makes and connects as its first act', async () => {
    const cgroup = join(client.podCgroup, 'first')
    const before = served.seen.length
    const argv = [DIAL, 'enter', '--make', '--first', cgroup, client.netns, '--']
    const { lines } = await run([...argv, 'connect', server.ipv4, '8080'])
    expect(lines).toMatchObject([{ ok: true }])
    expect(served.seen.length).toBe(before + 1)
  })

  it('exchanges datagrams', async () => {
    const datagrams = await server.serve(5353, '--udp')
    for (const option of [[], ['--connected']]) {
      const answer = await client.connect(server.ipv6, 5353, '--udp', ...option)
      expect(answer).toMatchObject({ ok: true, from: `[${server.ipv6}]:5353` })
    }
    expect(datagrams.seen).toHaveLength(2)
    const nobody = await client.connect(server.ipv4, 5354, '--udp', '--connected', '--timeout', 500)
    expect(nobody).toMatchObject({ errno: 'ECONNREFUSED' })
  })

  it('shares a port by SO_REUSEPORT', async () => {
    const both = [await server.serve(9000, '--reuseport'), await server.serve(9000, '--reuseport')]
    expect(await client.connectMany(server.ipv4, 9000, 40)).toMatchObject({ greeted: 40 })
    const [first = 0, second = 0] = both.map(({ seen }) => seen.length)
    expect([first + second, first > 0, second > 0]).toEqual([40, true, true])
  })

  it('forks', async () => {
    expect(await client.dial('forks', 100)).toMatchObject({ ok: true, forks: 100 })
    expect(await client.dial('forks', 10, '--exec')).toMatchObject({ forks: 10 })
  })
})
