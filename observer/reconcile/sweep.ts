// SPDX-License-Identifier: Apache-2.0
// What pods that ended while no agent ran have left in the maps.

import type { Lookups } from '../hooks/lookups.ts'
import type { KernelMaps } from '../maps/kernel-maps.ts'

export interface Living {
  readonly cgroups: ReadonlySet<bigint>
  /** Cookies of the namespaces of living pods, as far as they are known. */
  readonly netns: ReadonlySet<bigint>
}

type Maps = Pick<
  KernelMaps,
  | 'addr_netns'
  | 'cgroup_pod'
  | 'exempt'
  | 'exempt_probe'
  | 'latest'
  | 'netns_pod'
  | 'own_addr'
  | 'pod_stat'
  | 'pod_record'
  | 'probe_port'
  | 'probe_stat'
>

/** @returns how many pods were swept */
export function sweep(living: Living, maps: Maps, lookups: Lookups): number {
  const dead = maps.cgroup_pod.keys().filter((cgroup) => !living.cgroups.has(cgroup))
  const deadNetns = maps.netns_pod.keys().filter((netns) => !living.netns.has(netns))
  maps.cgroup_pod.deleteBatch(dead)
  maps.pod_record.deleteBatch(maps.pod_record.keys().filter((cgroup) => !living.cgroups.has(cgroup)))
  maps.netns_pod.deleteBatch(deadNetns)
  maps.pod_stat.deleteBatch(maps.pod_stat.keys().filter((netns) => !living.netns.has(netns)))
  maps.probe_stat.deleteBatch(maps.probe_stat.keys().filter((netns) => !living.netns.has(netns)))
  maps.probe_port.deleteBatch(maps.probe_port.keys().filter(({ netns }) => !living.netns.has(netns)))
  maps.own_addr.deleteBatch(maps.own_addr.keys().filter(({ netns }) => !living.netns.has(netns)))
  for (const exempt of [maps.exempt, maps.exempt_probe])
    exempt.deleteBatch(exempt.keys().filter(({ netns }) => !living.netns.has(netns)))
  maps.latest.deleteBatch(maps.latest.keys().filter(({ netns }) => !living.netns.has(netns)))
  const addresses = maps.addr_netns.entries().filter(([, netns]) => !living.netns.has(netns))
  maps.addr_netns.deleteBatch(addresses.map(([address]) => address))
  for (const netns of lookups.pinned) if (!living.netns.has(netns)) lookups.remove(netns)
  return Math.max(dead.length, deadNetns.length)
}
