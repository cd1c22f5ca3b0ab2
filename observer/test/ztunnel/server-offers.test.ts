// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { workload } from './pods.ts'
import { connect, listener, openFds, pass, server, useServer, watch, ztunnels } from './served.ts'
import { ACK, nack } from './stand-in.ts'

useServer()

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
