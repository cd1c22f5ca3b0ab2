// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest'
import type { Lookups } from '../../hooks/lookups.ts'
import { PodEntries } from '../../maps/pod-entries.ts'
import { sweep } from '../../reconcile/sweep.ts'
import { podMaps } from '../maps/memory-map.ts'
import { ADDRESSES } from './dwelling.ts'

const RECORD = { uid: 'u', namespace: 'shop', name: 'cart', state: 'held', reason: '', since: 0n }

it('a sweep removes what dead pods left, and nothing of the living', () => {
  const maps = podMaps()
  const entries = new PodEntries(maps)
  const pods = [
    [1n, 11n],
    [2n, 12n],
    [3n, 13n]
  ] as const
  for (const [cgroup, netns] of pods) {
    entries.write(cgroup, netns, 'steer', ADDRESSES)
    entries.writeNetns(netns, ADDRESSES, ADDRESSES)
    entries.record(cgroup, RECORD)
  }
  const removed: bigint[] = []
  const lookupsOf = (pinned: readonly bigint[]) =>
    ({ pinned, remove: (netns: bigint) => removed.push(netns) }) as unknown as Lookups
  const living = { cgroups: new Set([2n]), netns: new Set([12n]) }
  expect(sweep(living, maps, lookupsOf([11n, 12n, 13n]))).toBe(2)
  expect(removed).toEqual([11n, 13n])
  expect(maps.cgroup_pod.keys()).toEqual([2n])
  expect(maps.pod_record.keys()).toEqual([2n])
  expect(maps.netns_pod.keys()).toEqual([12n])
  expect(maps.pod_stat.keys()).toEqual([12n])
  expect(maps.own_addr.keys().map(({ netns }) => netns)).toEqual([12n])
  expect(sweep(living, maps, lookupsOf([12n]))).toBe(0)
})
