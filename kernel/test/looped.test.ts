// SPDX-License-Identifier: Apache-2.0
// What ztunnel dials elsewhere and the pod's own routing turns round: the hook of ztunnel's cgroup has exempted it.

import { describe, expect, it } from 'vitest'
import { counter, role_kind, verdict, ztunnel_port } from '#contract'
import { addressOf } from '../../observer/maps/address.ts'
import { counted } from './built.ts'
import { context, DROP, enrolledPod, FAMILIES, LO, NETNS, PASS, SOURCE_PORT, type Syn } from './syn.ts'

const ZTUNNEL = BigInt(role_kind.ROLE_ZTUNNEL)

/** In the network's order, which struct tuple has. */
function swapped(port: number): number {
  return ((port & 0xff) << 8) | (port >> 8)
}

describe.each(Object.entries(FAMILIES))(
  'a connection of ztunnel’s that comes back over %s',
  (_, addresses) => {
    const { own, peer } = addresses
    const syn = (port: number): Syn => ({ src: own, dst: peer, port, from: LO })
    const key = (port: number) => ({
      netns: NETNS,
      src: addressOf(own),
      dst: addressOf(peer),
      sport: swapped(SOURCE_PORT),
      dport: swapped(port)
    })

    // Dropped: ztunnel has no listener here.
    it.each([
      ['an enrolled pod', verdict.VERDICT_STEER],
      ['one that leaves', verdict.VERDICT_PASS]
    ])('is left to %s, and is handed to ztunnel when it is not exempt', (_, judged) => {
      const { program, exempt, counter: counters } = enrolledPod(judged, addresses, LO)
      expect(program.testRun({ ctx: context(syn(80)) }).retval).toBe(DROP)
      expect(counted(counters, counter.COUNT_DROPPED_NO_LISTENER)).toBe(1)
      exempt.set(key(80), ZTUNNEL)
      expect(program.testRun({ ctx: context(syn(80)) }).retval).toBe(PASS)
      expect(counted(counters, counter.COUNT_INBOUND_EXEMPT)).toBe(1)
      expect(counted(counters, counter.COUNT_DROPPED_NO_LISTENER)).toBe(1)
    })

    it.each([ztunnel_port.ZTUNNEL_OUTBOUND, ztunnel_port.ZTUNNEL_INBOUND])(
      'is dropped on :%i, where the stack would find ztunnel',
      (port) => {
        const { program, exempt, counter: counters } = enrolledPod(verdict.VERDICT_STEER, addresses, LO)
        exempt.set(key(port), ZTUNNEL)
        expect(program.testRun({ ctx: context(syn(port)) }).retval).toBe(DROP)
        expect(counted(counters, counter.COUNT_DROPPED_LOOP)).toBe(1)
      }
    )
  }
)
