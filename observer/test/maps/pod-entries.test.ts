// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest'
import { pod_flag, verdict } from '#contract'
import { addressOf } from '../../maps/address.ts'
import { NO_ADDRESSES, PodEntries } from '../../maps/pod-entries.ts'
import { memoryMap, podMaps } from './memory-map.ts'

const CGROUP = 101n
const NETNS = 4026n
const NEXT = 4027n
const ADDRESSES = { ipv4: '10.0.0.1', ipv6: undefined, more: ['fe80::1', '10.0.1.1'] }
const RECORD = { uid: 'u1', namespace: 'shop', name: 'cart', state: 'held', reason: '', since: 0n }

describe('the entries of a pod', () => {
  it.each([
    ['pass', verdict.VERDICT_PASS],
    ['unknown', verdict.VERDICT_UNKNOWN],
    ['held', verdict.VERDICT_HELD],
    ['steer', verdict.VERDICT_STEER]
  ] as const)('say %s by cgroup and by namespace', (name, number) => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    entries.write(CGROUP, NETNS, name, ADDRESSES)
    const expected = { verdict: number, cgroup: CGROUP, netns: NETNS, flags: pod_flag.POD_MORE_ADDRS }
    expect(maps.cgroup_pod.get(CGROUP)).toMatchObject(expected)
    expect(maps.netns_pod.get(NETNS)).toEqual(maps.cgroup_pod.get(CGROUP))
    expect(maps.cgroup_pod.get(CGROUP)?.ip[0]).toEqual(addressOf('10.0.0.1'))
    expect(entries.read(CGROUP)).toEqual({ verdict: name, netns: NETNS })
  })

  it('without a namespace are by cgroup only', () => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    entries.write(CGROUP, undefined, 'held')
    expect(maps.netns_pod.keys()).toEqual([])
    expect(entries.read(CGROUP)).toEqual({ verdict: 'held', netns: undefined })
    expect(entries.read(999n)).toEqual({ verdict: 'none', netns: undefined })
  })

  it('keep the addresses that a former agent wrote until somebody has read them', () => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    entries.write(CGROUP, NETNS, 'steer', ADDRESSES, { dns: true, bypassInbound: false })
    const { ip, flags } = maps.netns_pod.get(NETNS) ?? {}
    entries.write(CGROUP, NETNS, 'pass')
    expect(maps.netns_pod.get(NETNS)).toMatchObject({ verdict: verdict.VERDICT_PASS, ip, flags })
    entries.write(CGROUP, NETNS, 'pass', { ipv4: '10.0.0.2', ipv6: undefined, more: [] })
    expect(maps.netns_pod.get(NETNS)).toMatchObject({ flags: 0 })
    expect(maps.cgroup_pod.get(CGROUP)?.ip[0]).toEqual(addressOf('10.0.0.2'))
  })

  it('do not steer by cgroup when the namespace’s did not fit', () => {
    const maps = { ...podMaps(), netns_pod: memoryMap('netns_pod', 0) }
    const entries = new PodEntries(maps)
    entries.write(CGROUP, undefined, 'held')
    expect(() => entries.write(CGROUP, NETNS, 'steer', ADDRESSES)).toThrow('full')
    expect(entries.read(CGROUP).verdict).toBe('held')
  })

  it('follow the namespace’s further addresses, and keep what was counted', () => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    entries.writeNetns(NETNS, { ...ADDRESSES, more: [] }, ADDRESSES)
    const counted = { steered: 3n, refused: 0n, accepted: 0n }
    maps.pod_stat.set(NETNS, counted)
    entries.writeNetns(NETNS, ADDRESSES, { ...ADDRESSES, more: ['fe80::1', '10.0.2.1'] })
    const present = maps.own_addr.keys().map(({ addr }) => addr)
    expect(present).toEqual([addressOf('fe80::1'), addressOf('10.0.2.1')])
    expect(maps.pod_stat.get(NETNS)).toEqual(counted)
  })

  it.each<[string, (entries: PodEntries) => void]>([
    ['moves', (entries) => entries.writeNetns(NETNS, ADDRESSES, NO_ADDRESSES)],
    ['ends', (entries) => entries.forgetNetns(NETNS, ADDRESSES)],
    ['ends, a former agent’s', (entries) => entries.forgetNetns(NETNS, undefined)]
  ])('leave its address to the pod that has it now, when the former %s', (_, part) => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    entries.writeNetns(NETNS, NO_ADDRESSES, { ...ADDRESSES, ipv6: 'fd00::1' })
    entries.writeNetns(NEXT, NO_ADDRESSES, ADDRESSES)
    part(entries)
    expect(maps.addr_netns.get(addressOf('10.0.0.1'))).toBe(NEXT)
    part(entries)
    entries.forgetNetns(NEXT, ADDRESSES)
    expect(maps.addr_netns.get(addressOf('10.0.0.1'))).toBeUndefined()
  })

  it.each([
    ['the source names no address of it', undefined, NETNS],
    ['the source names another', [], NETNS],
    ['the source names it for this one', ['10.0.0.1'], NEXT]
  ])('keep an address when another pod gives itself the same, and %s', (_, named, kept) => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    entries.writeNetns(NETNS, NO_ADDRESSES, ADDRESSES)
    entries.write(CGROUP, NETNS, 'steer', ADDRESSES)
    entries.writeNetns(NEXT, NO_ADDRESSES, { ...ADDRESSES, named })
    expect(maps.addr_netns.get(addressOf('10.0.0.1'))).toBe(kept)
    entries.forgetNetns(NEXT, { ...ADDRESSES, named })
    expect(maps.addr_netns.get(addressOf('10.0.0.1'))).toBe(kept === NEXT ? undefined : NETNS)
  })

  it('give an address back that the source does not name', () => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    entries.writeNetns(NETNS, NO_ADDRESSES, ADDRESSES)
    entries.writeNetns(NETNS, ADDRESSES, { ...ADDRESSES, named: [] })
    expect(maps.addr_netns.keys()).toEqual([])
  })

  it('are all gone after both were forgotten', () => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    entries.write(CGROUP, NETNS, 'steer', ADDRESSES)
    entries.writeNetns(NETNS, ADDRESSES, ADDRESSES)
    entries.record(CGROUP, RECORD)
    const ends = { src: addressOf('10.0.0.9'), dst: addressOf('10.0.0.1'), sport: 1, dport: 2, pad: 0 }
    for (const exempt of [maps.exempt, maps.exempt_probe]) exempt.set({ netns: NETNS, ...ends }, 1n)
    entries.forget(CGROUP)
    entries.forgetNetns(NETNS, ADDRESSES)
    const { seen_netns, ...all } = maps
    for (const [name, map] of Object.entries(all)) expect(map.keys(), name).toEqual([])
    expect(seen_netns.keys()).toEqual([])
  })

  it('are forgotten without a look at every connection of the node', () => {
    const maps = podMaps()
    const decoding = vi.fn(() => [])
    for (const exempt of [maps.exempt, maps.exempt_probe, maps.latest]) exempt.keys = decoding
    new PodEntries(maps).forgetNetns(NETNS, ADDRESSES)
    expect(decoding).not.toHaveBeenCalled()
  })

  it('forget every sighting of one pod', () => {
    const maps = podMaps()
    const entries = new PodEntries(maps)
    const other = { cgroup: 102n, netns: NETNS }
    for (const key of [{ cgroup: CGROUP, netns: NETNS }, { cgroup: CGROUP, netns: 5n }, other]) {
      maps.seen_netns.set(key, 1n)
    }
    entries.unsee(CGROUP)
    expect(maps.seen_netns.keys()).toEqual([other])
  })

  it('go on without a name when there is no room for it', () => {
    const entries = new PodEntries({ ...podMaps(), pod_record: memoryMap('pod_record', 0) })
    expect(() => entries.record(CGROUP, RECORD)).not.toThrow()
  })
})
