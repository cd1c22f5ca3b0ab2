// SPDX-License-Identifier: Apache-2.0
// What the node holds of Sluice while nobody dials: the same before and after, or something was left behind.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { layout } from '#contract'
import { BpfMap } from '#native'
import type { Pod } from '../world/pod.ts'
import { FICKLE, PLAIN, STEADY, type Stage } from './stage.ts'

/** By name: a number, or a text that is compared as it is. */
export type Balance = ReadonlyMap<string, number | string>

/** What LRU maps hold is a cache's business, and arrays are always full. */
const COUNTED = new Set(['hash', 'sockhash'])
const SYSCTLS = ['net.ipv4.tcp_fwmark_accept', 'net.ipv4.fwmark_reflect', 'net.ipv6.fwmark_reflect']

export async function balance(stage: Stage): Promise<Balance> {
  const version = join(stage.pins, `v${layout.LAYOUT_VERSION}`)
  const pods = await Promise.all([...STEADY, ...FICKLE, PLAIN].map((name) => routing(stage.pod(name))))
  return new Map<string, number | string>([
    ...mapSizes(join(version, 'maps')),
    ...descriptors(stage.agent.pid, questions(stage.agent.controlSocket)),
    ['pinned links', readdirSync(join(version, 'links')).toSorted().join(' ')],
    ['pinned maps', readdirSync(join(version, 'maps')).toSorted().join(' ')],
    ['network namespaces', named('/var/run/netns', stage.world.prefix)],
    ['pod cgroups', podCgroups(stage)],
    ...pods.flat()
  ])
}

/** Resident memory of a process, in KiB. */
export function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** What differs, as "name: before, after". */
export function differences(before: Balance, after: Balance): string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name}: ${before.get(name) ?? 'none'}, now ${after.get(name) ?? 'none'}`)
}

function mapSizes(directory: string): [string, number][] {
  return readdirSync(directory).flatMap((name): [string, number][] => {
    using map = BpfMap.openPinned(join(directory, name))
    return COUNTED.has(map.info.type) ? [[`map ${name}`, map.keys().length]] : []
  })
}

/** Files that the agent just reads. Node reads certificates on a thread, which its own exec may leave one open of. */
const READ = ['/proc/', '/etc/ssl/']

/** Of the agent, by what they lead to: "socket", "anon-inode:bpf-map"; without files that it just reads. */
function descriptors(pid: number, except: ReadonlySet<string>): [string, number][] {
  const counts = new Map<string, number>()
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const target = targetOf(`/proc/${pid}/fd/${fd}`)
    if (target === undefined || READ.some((path) => target.startsWith(path)) || except.has(target)) continue
    const kind = `descriptors ${kindOf(target)}`
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return [...counts]
}

/** Undefined: it was closed since the directory was read. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** The agent's ends of our own connections to its control socket, which live on for some seconds. */
function questions(controlSocket: string): ReadonlySet<string> {
  const lines = readFileSync('/proc/net/unix', 'utf8').split('\n')
  const fields = lines.map((line) => line.trim().split(/\s+/))
  const connected = fields.filter(([, , , , , state, , path]) => state === '03' && path === controlSocket)
  return new Set(connected.map((each) => `socket:[${each[6]}]`))
}

/** "socket:[123]" is a socket; one kernel writes bpf-link for what another, or another way, calls bpf_link. */
function kindOf(target: string): string {
  return target.replace(/:\[\d+\]$/, '').replaceAll('_', '-')
}

function named(directory: string, prefix: string): number {
  return readdirSync(directory).filter((name) => name.startsWith(prefix)).length
}

function podCgroups({ world }: Stage): number {
  const below = readdirSync(join(world.cgroup, 'kubepods'), { recursive: true, encoding: 'utf8' })
  return below.filter((path) => /(^|\/)pod[-0-9a-f]+$/.test(path)).length
}

async function routing(pod: Pod): Promise<[string, string][]> {
  const asked = [
    ['rule'],
    ['-6', 'rule'],
    ['route', 'show', 'table', 'all'],
    ['-6', 'route', 'show', 'table', 'all']
  ]
  const told = await Promise.all(asked.map((words) => pod.ip(...words)))
  const values = await Promise.all(SYSCTLS.map((name) => pod.sysctl(name)))
  // Link-local ones come by themselves, when nobody else has claimed the address.
  const lines = told
    .join('')
    .split('\n')
    .filter((line) => !/fe80|ff00/.test(line))
  return [
    [`rules and routes of ${pod.name}`, lines.join('\n')],
    [`sysctls of ${pod.name}`, values.join(' ')]
  ]
}
