// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { counter, listener_slot, role_kind, verdict, ztunnel_port } from '#contract'
import { counted } from './built.ts'
import {
  chosen,
  connectionOf,
  context,
  DROP,
  ETH,
  enrolledPod,
  FAMILIES,
  LO,
  listening,
  NETNS,
  PASS,
  type Syn,
  UDP
} from './syn.ts'

describe.each(Object.entries(FAMILIES))('a SYN over %s', (_, addresses) => {
  const { own, more, peer, loopback } = addresses
  const { VERDICT_PASS, VERDICT_UNKNOWN, VERDICT_HELD, VERDICT_STEER } = verdict
  const { ZTUNNEL_OUTBOUND, ZTUNNEL_INBOUND, ZTUNNEL_HBONE, ZTUNNEL_DNS } = ztunnel_port
  const from = (src: string, dst: string, port: number, side: Syn['from']): Syn => ({
    src,
    dst,
    port,
    from: side
  })

  it.each<[string, number, Syn, number, keyof typeof counter | undefined]>([
    [
      'another pod on :15001',
      VERDICT_STEER,
      from(peer, own, ZTUNNEL_OUTBOUND, ETH),
      DROP,
      'COUNT_DROPPED_GUARD'
    ],
    [
      'another pod on :15006',
      VERDICT_STEER,
      from(peer, own, ZTUNNEL_INBOUND, ETH),
      DROP,
      'COUNT_DROPPED_GUARD'
    ],
    [
      'the pod on its own :15006',
      VERDICT_STEER,
      from(own, own, ZTUNNEL_INBOUND, LO),
      DROP,
      'COUNT_DROPPED_GUARD'
    ],
    [
      'loopback on :15001',
      VERDICT_STEER,
      from(loopback, loopback, ZTUNNEL_OUTBOUND, LO),
      DROP,
      'COUNT_DROPPED_GUARD'
    ],
    ['another pod on :15053', VERDICT_STEER, from(peer, own, ZTUNNEL_DNS, ETH), DROP, 'COUNT_DROPPED_GUARD'],
    [
      'a further address on :15001',
      VERDICT_STEER,
      from(peer, more, ZTUNNEL_OUTBOUND, ETH),
      DROP,
      'COUNT_DROPPED_GUARD'
    ],
    [
      'the guard before PASS',
      VERDICT_PASS,
      from(peer, own, ZTUNNEL_INBOUND, ETH),
      DROP,
      'COUNT_DROPPED_GUARD'
    ],
    [
      'the guard before HELD',
      VERDICT_HELD,
      from(peer, own, ZTUNNEL_OUTBOUND, ETH),
      DROP,
      'COUNT_DROPPED_GUARD'
    ],
    ['loopback on :15053', VERDICT_STEER, from(loopback, loopback, ZTUNNEL_DNS, LO), PASS, undefined],
    ['loopback', VERDICT_STEER, from(loopback, loopback, 80, LO), PASS, undefined],
    ['loopback of a held pod', VERDICT_HELD, from(loopback, loopback, 80, LO), PASS, undefined],
    ['own to own', VERDICT_STEER, from(own, own, 80, LO), PASS, undefined],
    ['own to a further own', VERDICT_STEER, from(own, more, 80, LO), PASS, undefined],
    ['another pod to a held one', VERDICT_HELD, from(peer, own, 80, ETH), DROP, 'COUNT_DROPPED_NOT_READY'],
    [
      'another pod to an unknown one',
      VERDICT_UNKNOWN,
      from(peer, own, 80, ETH),
      DROP,
      'COUNT_DROPPED_NOT_READY'
    ],
    [
      'HBONE to a held pod',
      VERDICT_HELD,
      from(peer, own, ZTUNNEL_HBONE, ETH),
      DROP,
      'COUNT_DROPPED_NOT_READY'
    ],
    ['another pod to one outside', VERDICT_PASS, from(peer, own, 80, ETH), PASS, undefined],
    [
      'what was marked before its pod left, without a listener',
      VERDICT_PASS,
      from(own, peer, 80, LO),
      DROP,
      'COUNT_DROPPED_NO_LISTENER'
    ],
    [
      'a foreign destination not over lo, of one outside',
      VERDICT_PASS,
      from(own, peer, 80, ETH),
      PASS,
      undefined
    ],
    [
      'HBONE without a listener',
      VERDICT_STEER,
      from(peer, own, ZTUNNEL_HBONE, ETH),
      DROP,
      'COUNT_DROPPED_NO_LISTENER'
    ],
    [
      'a foreign destination not over lo',
      VERDICT_STEER,
      from(own, peer, 80, ETH),
      DROP,
      'COUNT_DROPPED_FOREIGN'
    ],
    [
      'a foreign :15001 not over lo',
      VERDICT_STEER,
      from(own, peer, ZTUNNEL_OUTBOUND, ETH),
      DROP,
      'COUNT_DROPPED_FOREIGN'
    ],
    ['egress without a listener', VERDICT_STEER, from(own, peer, 80, LO), DROP, 'COUNT_DROPPED_NO_LISTENER'],
    ['inbound without a listener', VERDICT_STEER, from(peer, own, 80, ETH), DROP, 'COUNT_DROPPED_NO_LISTENER']
  ])('%s', (_name, number, syn, expected, reason) => {
    const { program, counter: counters } = enrolledPod(number, addresses, syn.from)
    const { retval, data } = program.testRun({ ctx: context(syn) })
    expect({ retval, socket: chosen(data) }).toEqual({ retval: expected, socket: 0n })
    const reasons = Object.entries(counter).filter(
      ([name, index]) => name.startsWith('COUNT_') && counted(counters, index) > 0
    )
    expect(reasons.map(([name]) => name)).toEqual(reason === undefined ? [] : [reason])
  })

  it.each<[string, Syn, number]>([
    ['egress goes to :15001', from(own, peer, 80, LO), ZTUNNEL_OUTBOUND],
    ['egress to a foreign :15006 too', from(own, peer, ZTUNNEL_INBOUND, LO), ZTUNNEL_OUTBOUND],
    ['inbound goes to :15006', from(peer, own, 80, ETH), ZTUNNEL_INBOUND],
    ['inbound to a further address too', from(peer, more, 80, ETH), ZTUNNEL_INBOUND]
  ])('%s', async (_name, syn, port) => {
    const { program, listener } = enrolledPod(VERDICT_STEER, addresses, syn.from)
    const { SLOT_ZTUNNEL, SLOT_PARKED } = listener_slot
    const keys = [ZTUNNEL_OUTBOUND, ZTUNNEL_INBOUND].flatMap((each) =>
      [SLOT_ZTUNNEL, SLOT_PARKED].map((slot) => ({ netns: NETNS, port: each, slot }))
    )
    for (const key of keys) listener.setFd(key, await listening(loopback))
    const { retval, data } = program.testRun({ ctx: context(syn) })
    const first = listener.get({ netns: NETNS, port, slot: SLOT_ZTUNNEL })
    expect({ retval, socket: chosen(data) }).toEqual({ retval: PASS, socket: first })
  })

  it('goes to the next listener when the first is gone, and to none of another namespace', async () => {
    const { program, listener } = enrolledPod(VERDICT_STEER, addresses, LO)
    const elsewhere = { netns: NETNS + 1n, port: ZTUNNEL_OUTBOUND, slot: listener_slot.SLOT_ZTUNNEL }
    listener.setFd(elsewhere, await listening(loopback))
    const syn = context(from(own, peer, 80, LO))
    expect(program.testRun({ ctx: syn }).retval).toBe(DROP)
    const upgrade = { netns: NETNS, port: ZTUNNEL_OUTBOUND, slot: listener_slot.SLOT_UPGRADE }
    listener.setFd(upgrade, await listening(loopback))
    expect(chosen(program.testRun({ ctx: syn }).data)).toBe(listener.get(upgrade))
  })

  it.each([
    ["ztunnel's own connection to the application", 'exempt', role_kind.ROLE_ZTUNNEL],
    ["the kubelet's probe", 'exempt_probe', role_kind.ROLE_KUBELET],
    ["the kubelet's probe, by the hook of a build that had one map", 'exempt', role_kind.ROLE_KUBELET]
  ] as const)('passes when it is %s', (_, map, role) => {
    const pod = enrolledPod(VERDICT_STEER, addresses, ETH)
    const { program, unexempt, counter: counters } = pod
    const begun = from(peer, own, 80, ETH)
    const [syn, key] = [context(begun), connectionOf(begun)]
    pod[map].set({ ...key, netns: NETNS + 1n }, BigInt(role))
    expect(program.testRun({ ctx: syn }).retval).toBe(DROP)
    expect(counted(counters, counter.COUNT_DROPPED_LOOP)).toBe(0)
    unexempt.set(key, BigInt(role))
    expect(program.testRun({ ctx: syn }).retval).toBe(DROP)
    expect(counted(counters, counter.COUNT_DROPPED_LOOP)).toBe(1)
    pod[map].set(key, BigInt(role))
    expect(program.testRun({ ctx: syn }).retval).toBe(PASS)
    expect(counted(counters, counter.COUNT_INBOUND_EXEMPT)).toBe(1)
    expect(Number(pod[map].get(key)) & 0xff).toBe(role)
  })

  it('is no probe when it leaves the pod, whatever the kubelet dials', () => {
    const { program, exempt_probe } = enrolledPod(VERDICT_STEER, addresses, LO)
    const leaving = from(own, peer, 80, LO)
    exempt_probe.set(connectionOf(leaving), BigInt(role_kind.ROLE_KUBELET))
    expect(program.testRun({ ctx: context(leaving) }).retval).toBe(DROP)
  })

  it('of a namespace without an entry is dropped, and what is not TCP passes', () => {
    const { program, netns_pod, counter: counters } = enrolledPod(VERDICT_STEER, addresses, ETH)
    netns_pod.delete(NETNS)
    const syn = from(peer, own, 80, ETH)
    expect(program.testRun({ ctx: context(syn) }).retval).toBe(DROP)
    expect(counted(counters, counter.COUNT_DROPPED_NO_POD)).toBe(1)
    expect(program.testRun({ ctx: context({ ...syn, protocol: UDP }) }).retval).toBe(PASS)
  })
})
