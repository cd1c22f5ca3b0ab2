// SPDX-License-Identifier: Apache-2.0
// What the kernel itself holds, read from the pinned maps and links and not from the agent's word.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Tuple } from '#contract'
import { BpfMap } from '#native'
import { addressOf, NO_ADDRESS } from '../../../observer/maps/address.ts'
import { mountPoint } from '../../world/mounts.ts'
import type { Pod } from '../../world/pod.ts'
import type { World } from '../../world/world.ts'

function version(world: World): string {
  const root = join(mountPoint('bpf'), world.prefix)
  return join(root, readdirSync(root).find((name) => /^v\d+$/.test(name)) ?? 'v0')
}

/** Keys of a pinned map: cgroup ids of `cgroup_pod` and `pod_record`, cookies of `netns_pod` and `pod_stat`. */
export function keysOf(world: World, map: 'cgroup_pod' | 'pod_record' | 'netns_pod' | 'pod_stat'): bigint[] {
  using pinned = BpfMap.openPinned<bigint, unknown>(join(version(world), 'maps', map))
  return pinned.keys()
}

/** Cookies of the network namespaces that own addresses are kept of. */
export function addressOwners(world: World): bigint[] {
  using pinned = BpfMap.openPinned<{ netns: bigint }, unknown>(join(version(world), 'maps', 'own_addr'))
  return pinned.keys().map(({ netns }) => netns)
}

/** ztunnel's connections to applications, and the kubelet's to pods. */
type ExemptMap = 'exempt' | 'exempt_probe'

/** How many connections pass the listener lookup by. */
export function exemptions(world: World, map: ExemptMap): number {
  using pinned = openExempt(world, map)
  return pinned.keys().length
}

export interface Exemption {
  readonly client: { readonly address: string; readonly port: number }
  readonly server: { readonly address: string; readonly port: number }
  /** enum role_kind */
  readonly role: number
}

function openExempt(world: World, map: ExemptMap): BpfMap<Tuple, bigint> {
  return BpfMap.openPinned<Tuple, bigint>(join(version(world), 'maps', map))
}

/** As if a hook had written it, behind everybody's back. */
export async function forgeExemption(
  world: World,
  pod: Pod,
  { client, server, role }: Exemption
): Promise<void> {
  using map = openExempt(world, 'exempt')
  const swapped = (port: number) => ((port & 0xff) << 8) | (port >> 8)
  const key = {
    netns: await pod.cookie(),
    src: addressOf(client.address),
    dst: addressOf(server.address),
    sport: swapped(client.port),
    dport: swapped(server.port)
  }
  map.set(key, BigInt(role))
}

/** Runs `act` while the map is full, of connections that nobody has. */
export async function withoutRoom(world: World, map: ExemptMap, act: () => Promise<void>): Promise<void> {
  using opened = openExempt(world, map)
  const room = opened.info.maxEntries - opened.keys().length
  const nobody = { netns: 0n, src: NO_ADDRESS, dst: NO_ADDRESS, dport: 0 }
  const taken = Array.from({ length: room }, (_, sport) => ({ ...nobody, sport }))
  for (const key of taken) opened.set(key, 0n)
  try {
    await act()
  } finally {
    opened.deleteBatch(taken)
  }
}

/** Of ztunnel's connections to that pod. */
export async function exemptionsOf(world: World, pod: Pod): Promise<Tuple[]> {
  const cookie = await pod.cookie()
  using map = openExempt(world, 'exempt')
  return map.keys().filter(({ netns }) => netns === cookie)
}

/** Names of the pinned links, `program@target`. */
export function linksOf(world: World): string[] {
  const links = join(version(world), 'links')
  return existsSync(links) ? readdirSync(links) : []
}

/** Everywhere that this network namespace is known. */
export function tracesOf(world: World, cookie: bigint): string[] {
  const maps = (['netns_pod', 'pod_stat'] as const).filter((map) => keysOf(world, map).includes(cookie))
  const addresses = addressOwners(world).includes(cookie) ? ['own_addr'] : []
  return [...maps, ...addresses, ...linksOf(world).filter((name) => name.endsWith(`@${cookie}`))]
}
