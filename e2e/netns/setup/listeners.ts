// SPDX-License-Identifier: Apache-2.0
// Whom the connections of a pod are handed to, as the kernel has it: written and erased behind the agent's back.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { listener_slot } from '#contract'
import { BpfMap, BpfObject } from '#native'
import { mountPoint } from '../../world/mounts.ts'
import type { Pod } from '../../world/pod.ts'
import { must } from '../../world/running.ts'
import type { World } from '../../world/world.ts'

const CONTRACT = join(import.meta.dirname, '../../../build/kernel/contract.bpf.o')

interface Key {
  readonly netns: bigint
  readonly port: number
  readonly slot: number
}

function open(world: World, name: 'listener' | 'latest'): BpfMap<Key, unknown> {
  const root = join(mountPoint('bpf'), world.prefix)
  const version = readdirSync(root).find((entry) => /^v\d+$/.test(entry)) ?? 'v0'
  // The kernel keeps no types of socket maps.
  const keyType = BpfObject.describe(CONTRACT).types.listener_key
  if (keyType === undefined) throw new Error('struct listener_key: not in the contract')
  return BpfMap.openPinned<Key, unknown>(join(root, version, 'maps', name), { keyType })
}

async function keysOf(map: BpfMap<Key, unknown>, pod: Pod, whose: Whose): Promise<Key[]> {
  const cookie = await pod.cookie()
  const isParked = whose === 'parked'
  return map
    .keys()
    .filter(({ netns, slot }) => netns === cookie && (slot === listener_slot.SLOT_PARKED) === isParked)
}

export type Whose = 'parked' | 'ztunnel'

/** Ports, ascending; twice where two listen. */
export async function listening(world: World, pod: Pod, whose: Whose): Promise<number[]> {
  using map = open(world, 'listener')
  return (await keysOf(map, pod, whose)).map(({ port }) => port).toSorted((a, b) => a - b)
}

/** @returns how many were erased */
export async function eraseListeners(world: World, pod: Pod, whose: Whose): Promise<number> {
  using map = open(world, 'listener')
  return map.deleteBatch(await keysOf(map, pod, whose))
}

/** Nobody knows any more which of two ztunnels came last. */
export async function forgetLatest(world: World, pod: Pod): Promise<number> {
  using map = open(world, 'latest')
  return map.deleteBatch(await keysOf(map, pod, 'ztunnel'))
}

/** On which anybody listens in the pod. */
export async function openPorts(pod: Pod): Promise<number[]> {
  const { stdout } = await must(['ip', 'netns', 'exec', pod.netns, 'ss', '-Hltn'])
  return [...stdout.matchAll(/:(\d+)\s/g)].map(([, port]) => Number(port))
}
