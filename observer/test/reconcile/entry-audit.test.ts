// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { addressOf, NO_ADDRESS } from '../../maps/address.ts'
import { NO_ADDRESSES, PodEntries } from '../../maps/pod-entries.ts'
import type { PodState } from '../../pods/state.ts'
import { wrongEntries } from '../../reconcile/entry-audit.ts'
import { podMaps } from '../maps/memory-map.ts'
import { cgroup, NETNS, podState } from '../pods/pods.ts'
import { ADDRESSES } from './dwelling.ts'

const TRAITS = { dns: true, bypassInbound: false }
const STEERED = podState({ phase: 'verified', verdict: 'steer', cgroup: cgroup(), netns: NETNS })
const ENROLLED = { addresses: ADDRESSES, traits: TRAITS, probePorts: [8080, 9090] }

function written() {
  const maps = podMaps()
  const entries = new PodEntries(maps)
  entries.writeNetns(NETNS, NO_ADDRESSES, ADDRESSES)
  entries.writeProbes(NETNS, ENROLLED.probePorts)
  entries.write(cgroup().id, NETNS, 'steer', ADDRESSES, TRAITS)
  return { maps, entries }
}

describe('the entries of a steered pod', () => {
  it('are right as they were written', () => {
    expect(wrongEntries(STEERED, ENROLLED, written().entries.snapshot())).toEqual([])
  })

  it.each<[string, (maps: ReturnType<typeof podMaps>) => unknown, string]>([
    ['the cgroup’s is gone', (maps) => maps.cgroup_pod.delete(cgroup().id), 'cgroup_pod has no entry'],
    ['the namespace’s is gone', (maps) => maps.netns_pod.delete(NETNS), 'netns_pod has no entry'],
    [
      'an address is gone',
      (maps) => maps.addr_netns.delete(addressOf('10.0.0.1')),
      'addr_netns lacks 10.0.0.1'
    ],
    [
      'a further address is gone',
      (maps) => maps.own_addr.deleteBatch(maps.own_addr.keys()),
      'own_addr lacks an address'
    ],
    [
      'a further address was added',
      (maps) => maps.own_addr.set({ netns: NETNS, addr: addressOf('192.0.2.1') }, 1),
      'own_addr has an address that the pod has not'
    ],
    [
      'a probed port is gone',
      (maps) => maps.probe_port.delete({ netns: NETNS, port: 9090 }),
      'probe_port has other ports'
    ],
    [
      'a port was added that nobody probes',
      (maps) => maps.probe_port.set({ netns: NETNS, port: 22 }, { passed: 0n, from: NO_ADDRESS }),
      'probe_port has other ports'
    ],
    ['nothing counts for it', (maps) => maps.pod_stat.delete(NETNS), 'pod_stat has no entry']
  ])('are wrong when %s', (_, spoil, told) => {
    const { maps, entries } = written()
    spoil(maps)
    expect(wrongEntries(STEERED, ENROLLED, entries.snapshot())).toEqual([told])
  })

  it.each([
    ['flags', { flags: 0 }],
    ['addresses', { ip: [addressOf('10.0.0.2'), addressOf('::')] }],
    ['version', { version: 0 }],
    ['cgroup', { cgroup: 9n }],
    ['namespace', { netns: 9n }]
  ])('are wrong with other %s', (_, change) => {
    const { maps, entries } = written()
    const entry = maps.netns_pod.get(NETNS)
    if (entry === undefined) throw new Error('no entry')
    maps.netns_pod.set(NETNS, { ...entry, ...change })
    expect(wrongEntries(STEERED, ENROLLED, entries.snapshot())).toEqual(['netns_pod has another entry'])
  })
})

describe('an address that two pods have', () => {
  const NEXT = NETNS + 1n

  function shared() {
    const { maps, entries } = written()
    entries.writeNetns(NEXT, NO_ADDRESSES, { ...ADDRESSES, named: [ADDRESSES.ipv4] })
    return { maps, entries }
  }

  it('is wrong for neither: no pod takes it from the other in each round', () => {
    const { entries } = shared()
    entries.write(9n, NEXT, 'steer', ADDRESSES, TRAITS)
    expect(wrongEntries(STEERED, ENROLLED, entries.snapshot())).toEqual([])
  })

  it('is wrong when the other has it no more', () => {
    const { entries } = shared()
    entries.write(9n, NEXT, 'steer', NO_ADDRESSES, TRAITS)
    expect(wrongEntries(STEERED, ENROLLED, entries.snapshot())).toEqual(['addr_netns lacks 10.0.0.1'])
  })
})

describe('the entries of a pod that is not steered', () => {
  it.each<[string, Partial<PodState>]>([
    ['has none by right', { verdict: 'none' }],
    ['is being steered now', { phase: 'joining', verdict: 'pass' }],
    ['is not steered any more, with the addresses that it had', { verdict: 'steer' }]
  ])('are left alone when it %s', (_, change) => {
    const state = { ...STEERED, ...change }
    expect(wrongEntries(state, undefined, written().entries.snapshot())).toEqual([])
  })

  it('are wrong with another verdict', () => {
    const state = podState({ phase: 'outside', verdict: 'pass', cgroup: cgroup(), netns: NETNS })
    expect(wrongEntries(state, undefined, written().entries.snapshot())).toEqual([
      'cgroup_pod says steer instead of pass',
      'netns_pod says steer instead of pass'
    ])
  })
})
