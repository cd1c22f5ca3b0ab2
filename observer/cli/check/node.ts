// SPDX-License-Identifier: Apache-2.0
// What the agent's process must see of its node.

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
  podProcesses(): Promise<readonly number[]>
  hasSysctl(name: string): boolean
  /** Throws when /proc/sys cannot be written. */
  tryWritable(): Promise<void>
  /** SO_NETNS_COOKIE of the own network namespace; throws when the kernel has none. */
  netnsCookie(): Promise<bigint>
  /** Whether the peer of a unix socket comes with a pidfd. */
  peerPidfd(): Promise<boolean>
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
  return [
    await pidResult(view),
    await cookieResult(view),
    await pidfdResult(view),
    ...sysctls,
    await writableResult(view)
  ]
}

async function pidResult(view: NodeView): Promise<CheckResult> {
  const feature = 'host processes'
  const meaning = "the agent must see the pods' and ztunnel's processes"
  const remedy = 'set hostPID: true in the pod of the agent'
  if ((await view.podProcesses()).includes(0)) {
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

/** Sluice works without it, so that it is never more than a remark. */
async function pidfdResult(view: NodeView): Promise<CheckResult> {
  const feature = 'SO_PEERPIDFD'
  try {
    const found = (await view.peerPidfd())
      ? 'ztunnel is told from others by a pidfd'
      : "not in this kernel: ztunnel is told from others by its process's number and start time"
    return { feature, status: 'ok', found }
  } catch (error) {
    return { feature, status: 'skipped', found: error instanceof Error ? error.message : String(error) }
  }
}

async function writableResult(view: NodeView): Promise<CheckResult> {
  const feature = '/proc/sys writable'
  try {
    await view.tryWritable()
    return { feature, status: 'ok', found: 'opened for writing' }
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    const meaning = "the pods' sysctls cannot be set: no pod can be enrolled"
    return {
      feature,
      status: 'missing',
      found,
      meaning,
      remedy: 'add SYS_ADMIN to the capabilities of the container, and set its AppArmor profile to Unconfined'
    }
  }
}
