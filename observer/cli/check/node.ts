// SPDX-License-Identifier: Apache-2.0
// What the agent's process must see of its node.

import { closeSync, existsSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type CheckResult, type Probe, present } from './result.ts'

/** PROC_PID_INIT_INO: the first pid namespace has had this number since Linux 3.8. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]'

const SYSCTLS = [
  {
    name: 'net.ipv4.tcp_fwmark_accept',
    meaning: "replies to ztunnel's connections would leave by the pod's own route"
  },
  {
    name: 'net.ipv4.fwmark_reflect',
    meaning: 'callers of an application that is down wait instead of being refused'
  },
  { name: 'net.ipv6.fwmark_reflect', meaning: 'the same over IPv6' }
]

export interface NodeView {
  /** Target of /proc/self/ns/pid. */
  pidNamespace(): string
  /** cgroup.procs of the pods' cgroups: process ids, 0 for those of other pid namespaces. */
  podProcesses(): readonly number[]
  hasSysctl(name: string): boolean
  /** Throws when /proc/sys cannot be written. */
  tryWritable(): void
  /** SO_NETNS_COOKIE of the own network namespace; throws when the kernel has none. */
  netnsCookie(): Promise<bigint>
}

export function nodeProbe(view: NodeView): Probe {
  return { family: 'node', run: () => nodeResults(view) }
}

export async function nodeResults(view: NodeView): Promise<CheckResult[]> {
  const sysctls = SYSCTLS.map(({ name, meaning }) =>
    present(
      `sysctl ${name}`,
      view.hasSysctl(name),
      { yes: 'is there', no: 'is not there' },
      {
        status: name.includes('accept') ? 'missing' : 'degraded',
        meaning,
        remedy: 'use a newer kernel; for IPv6, enable it'
      }
    )
  )
  return [pidResult(view), await cookieResult(view), ...sysctls, writableResult(view)]
}

function pidResult(view: NodeView): CheckResult {
  const feature = 'host processes'
  const meaning = "the agent must see the pods' and ztunnel's processes"
  const remedy = 'set hostPID: true in the pod of the agent'
  if (view.podProcesses().includes(0)) {
    const found = 'pods have processes that cannot be seen from here'
    return { feature, status: 'missing', found, meaning, remedy }
  }
  const first = view.pidNamespace() === FIRST_PID_NAMESPACE
  if (first) return { feature, status: 'ok', found: "/proc is the host's" }
  const found = 'not the first pid namespace: right only if the node is a container itself (kind)'
  return { feature, status: 'degraded', found, meaning, remedy }
}

async function cookieResult(view: NodeView): Promise<CheckResult> {
  const feature = 'netns cookie'
  try {
    return { feature, status: 'ok', found: `this network namespace is ${await view.netnsCookie()}` }
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    const meaning = 'whose traffic a socket carries is told by the cookie of its network namespace'
    return {
      feature,
      status: 'missing',
      found,
      meaning,
      remedy: 'use a kernel that has SO_NETNS_COOKIE (5.14)'
    }
  }
}

function writableResult(view: NodeView): CheckResult {
  const feature = '/proc/sys writable'
  try {
    view.tryWritable()
    return { feature, status: 'ok', found: 'opened for writing' }
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    const meaning = "the pods' sysctls cannot be set: no pod can be enrolled"
    return {
      feature,
      status: 'missing',
      found,
      meaning,
      remedy: "run privileged, or mount the host's /proc writable"
    }
  }
}

/** @param podCgroups directories of all cgroups below the pods' roots */
export function nodeView(podCgroups: () => readonly string[]): NodeView {
  const fileOf = (name: string) => `/proc/sys/${name.replaceAll('.', '/')}`
  return {
    pidNamespace: () => readlinkSync('/proc/self/ns/pid'),
    podProcesses: () => podCgroups().flatMap(processesOf),
    hasSysctl: (name) => existsSync(fileOf(name)),
    // Opened, not written: the value stays.
    tryWritable: () => closeSync(openSync(fileOf('net.ipv4.tcp_fwmark_accept'), 'r+')),
    netnsCookie: async () => {
      const { Netns } = await import('#native')
      using netns = Netns.open('/proc/self/ns/net')
      const [cookie] = await netns.run([{ op: 'cookie' }])
      return cookie
    }
  }
}

function processesOf(cgroup: string): number[] {
  try {
    return readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
