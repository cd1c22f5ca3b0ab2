// SPDX-License-Identifier: Apache-2.0
// What the agent needs to know of the node before it begins.

import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { mount, Netns } from '#native'
import { SluiceError } from '../errors/error.ts'
import { type Forwarding, inheritedForwarding } from '../netns/forwarding.ts'
import { makeSysctlsWritable } from '../netns/sysctls.ts'
import { netnsPath } from '../processes/locate.ts'
import { type Cgroup2, mountedCgroup2 } from '../processes/roots.ts'

export interface Node {
  readonly cgroup2: Cgroup2
  readonly hostNetns: { readonly cookie: bigint; readonly inode: number }
  /** Whether a new network namespace forwards. */
  readonly forwarding: Forwarding
}

const INIT = 1
const KTHREADD = 2
// statfs(2) would tell, but a bpffs is also the only file system in which these cannot be made.
const BPFFS_INODE = 1n

export async function surveyNode(bpffs: string): Promise<Node> {
  mountBpffs(bpffs)
  makeSysctlsWritable()
  const cgroup2 = await mountedCgroup2()
  using host = openHostNetns()
  const [cookie, ipv4, ipv6, inherit] = await host.run([
    { op: 'cookie' },
    { op: 'get-sysctl', name: 'net.ipv4.ip_forward' },
    { op: 'get-sysctl', name: 'net.ipv6.conf.all.forwarding' },
    { op: 'get-sysctl', name: 'net.core.devconf_inherit_init_net' }
  ])
  const forwarding = inheritedForwarding({ ipv4, ipv6, inherit })
  return { cgroup2, hostNetns: { cookie, inode: host.inode }, forwarding }
}

export function openHostNetns(): Netns {
  return ofInit((pid) => Netns.open(netnsPath(pid)))
}

/** A security module may keep init's namespaces to itself; the kernel's own threads live in the same ones. */
function ofInit<T>(look: (pid: number) => T): T {
  try {
    return look(INIT)
  } catch (error) {
    if (readFileSync(`/proc/${KTHREADD}/comm`, 'utf8').trim() !== 'kthreadd') throw error
    return look(KTHREADD)
  }
}

function mountBpffs(path: string): void {
  if (existsSync(path) && statSync(path, { bigint: true }).ino === BPFFS_INODE) return
  const mounts = (pid: number) => readlinkSync(`/proc/${pid}/ns/mnt`)
  // In a container's own mount namespace it would end with the container, and every pin with it.
  if (mounts(process.pid) !== ofInit(mounts)) throw new SluiceError('SLUICE_ERR_NODE_BPFFS', { path })
  mkdirSync(path, { recursive: true })
  mount('bpf', path)
}
