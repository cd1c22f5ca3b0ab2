// SPDX-License-Identifier: Apache-2.0
// Everything that the agent makes in the kernel, as one value to compare, and the ways to break it.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BpfMap, Link, NativeError, Netns } from '#native'
import { mountPoint } from '../../world/mounts.ts'
import type { Pod } from '../../world/pod.ts'
import type { World } from '../../world/world.ts'
import { listening } from '../setup/listeners.ts'

const COMPARED = [
  'cgroup_pod',
  'netns_pod',
  'addr_netns',
  'own_addr',
  'settings',
  'mode',
  'role',
  'cgroup_root',
  'node_addr'
] as const
/** What hooks count in, so that their keys alone can be compared. */
const COUNTED = ['pod_stat', 'probe_port'] as const
export type MapName = (typeof COMPARED)[number] | (typeof COUNTED)[number]

export const TABLE = 5151
export const SYSCTLS = ['net.ipv4.tcp_fwmark_accept', 'net.ipv4.fwmark_reflect', 'net.ipv6.fwmark_reflect']

export function pinned(world: World, ...path: string[]): string {
  const root = join(mountPoint('bpf'), world.prefix)
  const version = readdirSync(root).find((name) => /^v\d+$/.test(name)) ?? 'v0'
  return join(root, version, ...path)
}

export function openMap(world: World, name: MapName): BpfMap<unknown, unknown> {
  return BpfMap.openPinned(pinned(world, 'maps', name))
}

/** Path of the pin of a program's link; of the hooks of several kubepods roots, that of the pods' of this world. */
export function linkPath(world: World, program: string): string {
  const { ino } = statSync(join(world.cgroup, 'kubepods'))
  const names = readdirSync(pinned(world, 'links')).filter((name) => name.split('@')[0] === program)
  const [name, ...more] = names.length === 1 ? names : names.filter((each) => each.endsWith(`@${ino}`))
  if (name === undefined || more.length > 0) throw new Error(`${program}: links ${names.join(', ')}`)
  return pinned(world, 'links', name)
}

/** Runs `act` in the pod's network namespace without a process of its own: nothing is faster. */
export async function inside<T>(pod: Pod, act: (netns: Netns) => Promise<T>): Promise<T> {
  using netns = Netns.open(`/run/netns/${pod.netns}`)
  return await act(netns)
}

async function routing(pod: Pod): Promise<readonly string[]> {
  return inside(pod, async (netns) => {
    const [rules4, rules6, routes4, routes6, ...sysctls] = await netns.run([
      { op: 'rules', family: 'ipv4' },
      { op: 'rules', family: 'ipv6' },
      { op: 'routes', family: 'ipv4', table: TABLE },
      { op: 'routes', family: 'ipv6', table: TABLE },
      ...SYSCTLS.map((name) => ({ op: 'get-sysctl', name }) as const)
    ])
    const lines = [...rules4, ...rules6, ...routes4, ...routes6].map((each) => text(each))
    return [...lines.toSorted(), ...sysctls.map(String)]
  })
}

function links(world: World): readonly string[] {
  const directory = pinned(world, 'links')
  return readdirSync(directory)
    .toSorted()
    .map((name) => {
      using link = Link.openPinned(join(directory, name))
      // An instance that was loaded again is another program.
      return `${name} ${name.startsWith('lookup@') ? attached(link) : `${attached(link)} ${program(link)}`}`
    })
}

function attached(link: Link): string {
  try {
    const { cgroupId, netnsInode, attachType } = link.info()
    return text({ cgroupId, netnsInode, attachType })
  } catch (error) {
    if (error instanceof NativeError) return 'detached'
    throw error
  }
}

function program(link: Link): string {
  try {
    return String(link.info().programId)
  } catch (error) {
    if (error instanceof NativeError) return 'none'
    throw error
  }
}

/** The kernel as the agent has made it, one line for each thing. */
export async function kernelOf(world: World, pods: readonly Pod[]): Promise<readonly string[]> {
  const maps = COMPARED.flatMap((name) => {
    using map = openMap(world, name)
    return map.entries().map(([key, value]) => `${name} ${text(key)}: ${text(value)}`)
  })
  const counted = COUNTED.flatMap((name) => {
    using map = openMap(world, name)
    return map.keys().map((key) => `${name} ${text(key)}`)
  })
  const inPods = await Promise.all(
    pods.map(async (pod) => [
      ...(await routing(pod)),
      ...(await listening(world, pod, 'parked')).map((port) => `parked ${port}`),
      ...(await listening(world, pod, 'ztunnel')).map((port) => `ztunnel ${port}`)
    ])
  )
  return [
    ...maps.toSorted(),
    ...counted.toSorted(),
    ...links(world),
    ...readdirSync(pinned(world, 'maps')),
    ...inPods.flat()
  ]
}

function text(value: unknown): string {
  return JSON.stringify(value, (key, each: unknown) => {
    if (key === 'since') return undefined
    return typeof each === 'bigint' ? `${each}` : each
  })
}
