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
  /** Ports that the kubelet probes. */
  readonly probed: ReadonlyMap<bigint, ReadonlySet<number>>
}

type Maps = Pick<
  KernelMaps,
  'addr_netns' | 'cgroup_pod' | 'netns_pod' | 'own_addr' | 'pod_stat' | 'probe_port'
>

export function podSnapshot(maps: Maps): PodSnapshot {
  return {
    cgroups: new Map(maps.cgroup_pod.entries()),
    netns: new Map(maps.netns_pod.entries()),
    counted: new Set(maps.pod_stat.keys()),
    hosts: new Map(maps.addr_netns.entries().map(([addr, netns]) => [addressKey(addr), netns])),
    others: byNetns(maps.own_addr.keys(), ({ addr }) => addressKey(addr)),
    probed: byNetns(maps.probe_port.keys(), ({ port }) => port)
  }
}

function byNetns<K extends { readonly netns: bigint }, V>(
  keys: readonly K[],
  part: (key: K) => V
): ReadonlyMap<bigint, ReadonlySet<V>> {
  const parts = new Map<bigint, Set<V>>()
  for (const key of keys) parts.set(key.netns, (parts.get(key.netns) ?? new Set()).add(part(key)))
  return parts
}

/** Cheaper than text, and as distinct. */
export function addressKey({ word }: Addr): string {
  return word.join(' ')
}
