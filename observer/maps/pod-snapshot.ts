// SPDX-License-Identifier: Apache-2.0
// The pods' maps at one moment, read in batches: what a round compares all pods with.

import type { Addr, Pod as PodEntry } from '#contract'
import type { KernelMaps } from './kernel-maps.ts'

export interface PodSnapshot {
  readonly cgroups: ReadonlyMap<bigint, PodEntry>
  readonly netns: ReadonlyMap<bigint, PodEntry>
  /** Who has counters. */
  readonly counted: ReadonlySet<bigint>
  /** Namespaces that have this address: as one of the pod's two, and as a further one. */
  readonly hosts: ReadonlyMap<string, bigint>
  readonly others: ReadonlyMap<bigint, ReadonlySet<string>>
}

type Maps = Pick<KernelMaps, 'addr_netns' | 'cgroup_pod' | 'netns_pod' | 'own_addr' | 'pod_stat'>

export function podSnapshot(maps: Maps): PodSnapshot {
  const others = new Map<bigint, Set<string>>()
  for (const { netns, addr } of maps.own_addr.keys()) {
    const known = others.get(netns) ?? new Set()
    others.set(netns, known.add(addressKey(addr)))
  }
  return {
    cgroups: new Map(maps.cgroup_pod.entries()),
    netns: new Map(maps.netns_pod.entries()),
    counted: new Set(maps.pod_stat.keys()),
    hosts: new Map(maps.addr_netns.entries().map(([addr, netns]) => [addressKey(addr), netns])),
    others
  }
}

/** Cheaper than text, and as distinct. */
export function addressKey({ word }: Addr): string {
  return word.join(' ')
}
