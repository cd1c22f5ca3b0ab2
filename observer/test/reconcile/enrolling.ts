// SPDX-License-Identifier: Apache-2.0
import { vi } from 'vitest'
import { ztunnel_port } from '#contract'
import type { Listener } from '#native'
import { NO_TRAITS } from '../../membership/traits.ts'
import type { PodNetns } from '../../netns/pod-netns.ts'
import type { PodState, Verdict } from '../../pods/state.ts'
import { type Dwelling, dwellingIn, type EnrolmentParts, enrol } from '../../reconcile/enrolment.ts'

const NETNS = 7n

export function listenerOn(port: number, transparent: boolean): Listener {
  return { port, transparent, mark: 0, inode: port }
}

/** An enrolment in which everything succeeds; `events` tells what happened, in order. */
export function enrolment(option: EnrolmentParts['establishedConnections'], before: Verdict) {
  const events: string[] = []
  const netns = {
    cookie: NETNS,
    fd: -1,
    addresses: { ipv4: '10.0.0.1', ipv6: undefined, more: [] },
    prepare: vi.fn(async () => []),
    listeners: vi.fn<PodNetns['listeners']>(async () => [listenerOn(ztunnel_port.ZTUNNEL_DNS, true)]),
    refuseConflicts: vi.fn<() => Promise<void>>(async () => undefined),
    resetConnections: vi.fn(async () => events.push('reset'))
  }
  const log = { info: vi.fn(), warn: vi.fn() }
  const parts = {
    entries: {
      readTraits: () => NO_TRAITS,
      writeNetns: vi.fn(),
      writeProbes: vi.fn(),
      write: vi.fn((_: bigint, __: bigint, verdict: string) => events.push(verdict))
    },
    lookups: {
      has: vi.fn(() => false),
      load: vi.fn(async () => ({ [Symbol.dispose]: () => undefined })),
      attach: vi.fn(() => ({ close: vi.fn() }))
    },
    listeners: {
      park: vi.fn(async () => events.push('parked')),
      adopt: vi.fn<() => Promise<number[]>>(async () => []),
      missing: vi.fn<() => number[]>(() => [])
    },
    zds: { keep: vi.fn(), offer: vi.fn<() => Promise<unknown>>(async () => events.push('acknowledged')) },
    establishedConnections: option,
    onDrift: vi.fn(),
    log
  }
  const state = {
    pod: { uid: 'u', name: 'app', namespace: 'shop', serviceAccount: 'app' },
    cgroup: { id: 1n },
    verdict: before,
    membership: { traits: { ...NO_TRAITS, dns: true } }
  } as unknown as PodState
  const dwelling: Dwelling = dwellingIn(netns as unknown as Dwelling['netns'])
  const run = (signal = new AbortController().signal) =>
    enrol(state, dwelling, parts as unknown as EnrolmentParts, signal)
  return { netns, log, events, parts, dwelling, run }
}
