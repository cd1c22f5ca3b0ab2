// SPDX-License-Identifier: Apache-2.0

import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Authorization, Authorize } from '../../ztunnel/identity.ts'
import type { ZdsServer } from '../../ztunnel/server.ts'
import { createZdsServer, MAX_CONNECTIONS } from '../../ztunnel/server.ts'
import type { ZtunnelInfo } from '../../ztunnel/workload.ts'
import { workload } from './pods.ts'
import type { ZtunnelStandIn } from './stand-in.ts'
import { ACK, HELLO, ListenerStandIn, nack } from './stand-in.ts'

const CGROUP = { id: 7n, path: '/sys/fs/cgroup/kubepods/pod1', level: 2 }
const ALLOWED: Authorization = { allowed: true, cgroup: CGROUP, key: '1' }

let listener: ListenerStandIn
let server: ZdsServer
let authorize: Authorize
let lines: string[]
let ztunnels: readonly ZtunnelInfo[]
let openFds: Map<number, string>

beforeEach(() => {
  vi.useFakeTimers()
  listener = new ListenerStandIn()
  lines = []
  openFds = new Map()
  authorize = () => Promise.resolve(ALLOWED)
  server = createZdsServer({
    path: '/x.sock',
    listen: listener.listen,
    authorize: (peer) => authorize(peer),
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }),
    netnsOf: (fd) => {
      const netns = openFds.get(fd) ?? (fd === 3 ? 'netns-3' : undefined)
      if (netns === undefined) throw new Error('EBADF: bad file descriptor, fstat')
      return netns
    }
  })
  server.ztunnels$.subscribe((list) => {
    ztunnels = list
  })
})
afterEach(() => {
  server.close()
  vi.useRealTimers()
})

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

async function connect(pid = 1): Promise<ZtunnelStandIn> {
  const ztunnel = listener.connect(pid)
  ztunnel.say(HELLO)
  await pass()
  return ztunnel
}

/** The state of a promise, without waiting for it. */
function watch(promise: Promise<void>): { state: string } {
  const seen = { state: 'waits' }
  const settle = (state: string) => {
    seen.state = state
  }
  promise.then(
    () => settle('acked'),
    (error: unknown) => settle((error as { code: string }).code)
  )
  return seen
}

describe('an offer', () => {
  it('waits for a ztunnel, is sent with its netns, and resolves on the ack', async () => {
    const offer = watch(server.offer(workload('a')))
    await pass(60_000)
    expect(offer.state).toBe('waits')
    const ztunnel = await connect()
    expect(ztunnel.heard).toEqual(['add a'])
    expect(ztunnel.fds).toEqual([[3]])
    expect(offer.state).toBe('acked')
  })

  it('survives the connection that dies before its ack', async () => {
    const first = await connect()
    first.answer = undefined
    const offer = watch(server.offer(workload('a')))
    await pass()
    first.hangUp()
    await pass()
    expect(offer.state).toBe('waits')
    const second = await connect()
    expect(second.heard).toEqual(['add a'])
    expect(offer.state).toBe('acked')
  })

  it('closes a ztunnel that does not answer in 5 s, takes no late ack, and goes to the next', async () => {
    const hanging = await connect()
    hanging.answer = undefined
    const offer = watch(server.offer(workload('a')))
    await pass(4_999)
    expect(hanging.closed).toBe(false)
    await pass(1)
    expect(hanging.closed).toBe(true)
    expect(server.refused).toEqual({ 'ack-timeout': 1 })
    hanging.onMessage(ACK, false)
    await pass()
    expect(offer.state).toBe('waits')
    await connect()
    expect(offer.state).toBe('acked')
  })

  it('of one pod is refused alone', async () => {
    const ztunnel = await connect()
    ztunnel.answer = (request) => (request === 'add b' ? nack('failure to start proxy : Bind') : ACK)
    const offers = ['a', 'b', 'c'].map((uid) => watch(server.offer(workload(uid))))
    await pass()
    expect(offers.map(({ state }) => state)).toEqual(['acked', 'SLUICE_ERR_ZDS_PENDING', 'acked'])
    ztunnel.answer = () => ACK
    const again = watch(server.offer(workload('b')))
    await pass()
    expect(again.state).toBe('acked')
    expect(ztunnel.heard.filter((request) => request === 'add b').length).toBe(2)
  })

  it('that makes ztunnel hang up is not sent again by itself', async () => {
    const first = await connect()
    first.answer = () => nack('failure to read message : truncated')
    const offer = watch(server.offer(workload('a')))
    await pass()
    first.hangUp()
    server.snapshotReady()
    const second = await connect()
    expect(offer.state).toBe('SLUICE_ERR_ZDS_NACK')
    expect(second.heard).toEqual(['keep a', 'snapshot'])
  })

  it('is idempotent by uid and netns', async () => {
    const ztunnel = await connect()
    const both = [watch(server.offer(workload('a'))), watch(server.offer(workload('a')))]
    await pass()
    const third = watch(server.offer(workload('a')))
    await pass()
    expect([...both, third].map(({ state }) => state)).toEqual(['acked', 'acked', 'acked'])
    expect(ztunnel.heard).toEqual(['add a'])
    openFds.set(9, 'netns-9')
    await server.offer(workload('a', 9))
    expect(ztunnel.heard).toEqual(['add a', 'add a'])
    expect(ztunnel.fds.at(-1)).toEqual([9])
  })

  it('gives way to one with another netns', async () => {
    openFds.set(9, 'netns-9')
    const first = watch(server.offer(workload('a')))
    const second = watch(server.offer(workload('a', 9)))
    await connect()
    expect([first.state, second.state]).toEqual(['SLUICE_ERR_ZDS_WITHDRAWN', 'acked'])
  })

  it.each([
    ['a descriptor that is not open', workload('a', 99), 'SLUICE_ERR_ZDS_NETNS'],
    ['names that are too long', { ...workload('a'), name: 'n'.repeat(1100) }, 'SLUICE_ERR_ZDS_TOO_LONG']
  ])('with %s is refused at once', async (_, bad, code) => {
    const offer = watch(server.offer(bad))
    await pass()
    expect(offer.state).toBe(code)
  })

  it('whose descriptor has become another file meanwhile is not sent', async () => {
    openFds.set(9, 'netns-9')
    const offers = [watch(server.offer(workload('a', 9))), watch(server.offer(workload('b')))]
    openFds.set(9, 'something else')
    const ztunnel = await connect()
    expect(ztunnel.heard).toEqual(['add b', 'keep a'])
    expect(offers.map(({ state }) => state)).toEqual(['SLUICE_ERR_ZDS_NETNS', 'acked'])
  })

  it('is rejected when the server closes, or it is withdrawn', async () => {
    const offers = [watch(server.offer(workload('a'))), watch(server.offer(workload('b')))]
    await server.withdraw('a')
    server.close()
    const late = watch(server.offer(workload('c')))
    await pass()
    expect([...offers, late].map(({ state }) => state)).toEqual([
      'SLUICE_ERR_ZDS_WITHDRAWN',
      'SLUICE_ERR_ZDS_CLOSED',
      'SLUICE_ERR_ZDS_CLOSED'
    ])
    expect(listener.closed).toBe(true)
  })
})

describe('a snapshot', () => {
  it('is not sent before the first reconcile is complete', async () => {
    const ztunnel = await connect()
    await server.offer(workload('a'))
    await pass(60_000)
    expect(ztunnel.heard).toEqual(['add a'])
    server.keep('k')
    server.snapshotReady()
    await pass()
    expect(ztunnel.heard).toEqual(['add a', 'keep k', 'snapshot'])
  })

  it('is given to each ztunnel once, with every pod', async () => {
    server.snapshotReady()
    const old = await connect(1)
    await server.offer(workload('a'))
    const fresh = await connect(2)
    expect(old.heard).toEqual(['snapshot', 'add a'])
    expect(fresh.heard).toEqual(['add a', 'snapshot'])
    expect(ztunnels.map(({ pid }) => pid)).toEqual([1, 2])
  })
})

describe('two ztunnels', () => {
  it('share withdrawals, and the older one gets what it missed when the newer goes', async () => {
    server.snapshotReady()
    const old = await connect(1)
    const fresh = await connect(2)
    await server.offer(workload('a'))
    expect([old.heard, fresh.heard]).toEqual([['snapshot'], ['snapshot', 'add a']])
    fresh.hangUp()
    await pass()
    expect(old.heard).toEqual(['snapshot', 'add a'])
    expect(ztunnels.map(({ pid }) => pid)).toEqual([1])
    const third = await connect(3)
    await server.withdraw('a')
    expect(old.heard.at(-1)).toBe('del a')
    expect(third.heard.at(-1)).toBe('del a')
  })

  it('do not wait for each other', async () => {
    server.snapshotReady()
    const hanging = await connect(1)
    hanging.answer = undefined
    const withdrawn = watch(server.withdraw('x'))
    const fresh = await connect(2)
    await server.offer(workload('a'))
    expect(fresh.heard).toEqual(['snapshot', 'add a'])
    expect(withdrawn.state).toBe('waits')
    await pass(5_000)
    expect(withdrawn.state).toBe('acked')
  })
})

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
    authorize = () => Promise.resolve({ allowed: false, reason: 'not-ztunnel', detail: '/kubepods/pod2' })
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
    authorize = () => Promise.resolve({ allowed: false, reason: 'not-ztunnel' })
    moved.say(HELLO)
    await pass()
    authorize = () => Promise.resolve(ALLOWED)
    const dead = listener.connect()
    dead.alive = false
    dead.say(HELLO)
    await pass()
    expect(server.refused).toEqual({ 'not-ztunnel': 1, 'process-gone': 1 })
    expect(ztunnels).toEqual([])
  })

  it('may wait for the source to name it', async () => {
    const named = Promise.withResolvers<Authorization>()
    authorize = () => named.promise
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
