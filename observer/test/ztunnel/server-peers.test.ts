// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import type { Authorization } from '../../ztunnel/identity.ts'
import { MAX_CONNECTIONS } from '../../ztunnel/server.ts'
import type { ZtunnelInfo } from '../../ztunnel/workload.ts'
import { workload } from './pods.ts'
import {
  ALLOWED,
  CGROUP,
  connect,
  judge,
  lines,
  listener,
  pass,
  server,
  useServer,
  watch,
  ztunnels
} from './served.ts'
import { ACK, HELLO, type ZtunnelStandIn } from './stand-in.ts'

useServer()

describe('before the first message', () => {
  it('ztunnel is announced, and its hooks are awaited', async () => {
    const hooks = Promise.withResolvers<void>()
    const prepared: ZtunnelInfo[] = []
    server.beforeFirstAdd = (ztunnel) => {
      prepared.push(ztunnel)
      return hooks.promise
    }
    const offer = watch(server.offer(workload('a')))
    const ztunnel = await connect(5)
    expect(prepared).toEqual([
      { id: 1, pid: 5, cgroup: CGROUP, connectedAt: Date.now(), isAlive: expect.any(Function) }
    ])
    expect(ztunnels).toEqual(prepared)
    await pass(10_000)
    expect(ztunnel.heard).toEqual([])
    hooks.resolve()
    await pass()
    expect(offer.state).toBe('acked')
  })

  it('the former ztunnel goes on being served', async () => {
    const old = await connect(1)
    server.beforeFirstAdd = () => new Promise(() => {})
    const stuck = await connect(2)
    await server.offer(workload('a'))
    expect(old.heard).toEqual(['add a'])
    await pass(30_000)
    expect(stuck.closed).toBe(true)
    expect(server.refused).toEqual({ 'prepare-timeout': 1 })
    expect(ztunnels.map(({ pid }) => pid)).toEqual([1])
  })

  it('a failure to attach its hooks closes the connection', async () => {
    server.beforeFirstAdd = () => Promise.reject(new Error('no program'))
    const ztunnel = await connect()
    await pass(500)
    expect(ztunnel.closed).toBe(true)
    expect(server.refused).toEqual({ 'prepare-failed': 1 })
    expect(lines.join()).toContain('no program')
    expect(ztunnels).toEqual([])
  })
})

describe('a peer', () => {
  it.each<[string, (ztunnel: ZtunnelStandIn) => void, string]>([
    ['sends garbage', (ztunnel) => ztunnel.say(Uint8Array.of(0xff, 0xff)), 'garbage'],
    ['sends an ack for a hello', (ztunnel) => ztunnel.say(ACK), 'garbage'],
    ['sends a packet longer than the buffer', (ztunnel) => ztunnel.say(HELLO, true), 'garbage'],
    [
      'says hello twice',
      (ztunnel) => {
        for (const hello of [HELLO, HELLO]) ztunnel.say(hello)
      },
      'unexpected-message'
    ]
  ])('that %s is let go', async (_, act, reason) => {
    const offer = watch(server.offer(workload('a')))
    const ztunnel = listener.connect()
    act(ztunnel)
    await pass(500)
    expect(ztunnel.closed).toBe(true)
    expect(ztunnel.heard).toEqual([])
    expect(server.refused).toEqual({ [reason]: 1 })
    expect(lines.join()).toContain(reason)
    await connect()
    expect(offer.state).toBe('acked')
  })

  it('that says hello again later is let go', async () => {
    const ztunnel = await connect()
    ztunnel.say(HELLO)
    await pass(500)
    expect(ztunnel.closed).toBe(true)
    expect(ztunnels).toEqual([])
  })

  it('that says nothing is closed after 5 s', async () => {
    const ztunnel = listener.connect()
    await pass(5_000)
    expect(ztunnel.closed).toBe(true)
    expect(server.refused).toEqual({ 'hello-timeout': 1 })
  })

  it('that is not ztunnel hears nothing, is closed and counted, and logged once in 10 s', async () => {
    judge(() => Promise.resolve({ allowed: false, reason: 'not-ztunnel', detail: '/kubepods/pod2' }))
    void watch(server.offer(workload('a')))
    for (let round = 0; round < 5; round += 1) {
      const peer = await connect(66)
      await pass(500)
      expect(peer.closed).toBe(true)
      expect(peer.heard).toEqual([])
    }
    expect(server.refused).toEqual({ 'not-ztunnel': 5 })
    expect(lines.length).toBe(1)
    expect(lines[0]).toContain('/kubepods/pod2')
    await pass(10_000)
    await connect(66)
    expect(JSON.parse(lines[1] ?? '{}')).toMatchObject({ reason: 'not-ztunnel', suppressed: 4, pid: 66 })
  })

  it("that left ztunnel's cgroup, or ended, before hello is not served", async () => {
    const moved = listener.connect()
    await pass()
    judge(() => Promise.resolve({ allowed: false, reason: 'not-ztunnel' }))
    moved.say(HELLO)
    await pass()
    judge(() => Promise.resolve(ALLOWED))
    const dead = listener.connect()
    dead.alive = false
    dead.say(HELLO)
    await pass()
    expect(server.refused).toEqual({ 'not-ztunnel': 1, 'process-gone': 1 })
    expect(ztunnels).toEqual([])
  })

  it('may wait for the source to name it', async () => {
    const named = Promise.withResolvers<Authorization>()
    judge(() => named.promise)
    const ztunnel = await connect()
    const offer = watch(server.offer(workload('a')))
    await pass(10_000)
    expect(ztunnel.heard).toEqual([])
    named.resolve(ALLOWED)
    await pass()
    expect(offer.state).toBe('acked')
  })

  it('is one too many at some point', async () => {
    const peers = Array.from({ length: MAX_CONNECTIONS + 1 }, () => listener.connect())
    expect(peers.map(({ closed }) => closed).lastIndexOf(false)).toBe(MAX_CONNECTIONS - 1)
    expect(server.refused).toEqual({ 'too-many-connections': 1 })
    await pass(5_000)
    const ztunnel = await connect()
    expect(ztunnel.closed).toBe(false)
  })

  it('whose socket fails is let go', async () => {
    const ztunnel = await connect()
    ztunnel.sendError = Object.assign(new Error('EPIPE'), { errno: 32 })
    const offer = watch(server.offer(workload('a')))
    await pass(500)
    expect(ztunnel.closed).toBe(true)
    expect(server.refused).toEqual({ 'send-failed': 1 })
    expect(offer.state).toBe('waits')
  })
})
