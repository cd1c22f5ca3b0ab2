// SPDX-License-Identifier: Apache-2.0
// What the agent needs to know of the node before it begins.

import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { mount, Netns } from '#native'
import { makeSysctlsWritable } from '../netns/sysctls.ts'
import { netnsPath } from '../processes/locate.ts'
import { type Cgroup2, mountedCgroup2 } from '../processes/roots.ts'

export interface Node {
  readonly cgroup2: Cgroup2
  readonly hostNetns: { readonly cookie: bigint; readonly inode: number }
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
  const [cookie] = await host.run([{ op: 'cookie' }])
  return { cgroup2, hostNetns: { cookie, inode: host.inode } }
}

/** A security module may keep init's namespaces to itself; the kernel's own threads live in the same one. */
function openHostNetns(): Netns {
  try {
    return Netns.open(netnsPath(INIT))
  } catch (error) {
    if (readFileSync(`/proc/${KTHREADD}/comm`, 'utf8').trim() !== 'kthreadd') throw error
    return Netns.open(netnsPath(KTHREADD))
  }
}

function mountBpffs(path: string): void {
  if (existsSync(path) && statSync(path, { bigint: true }).ino === BPFFS_INODE) return
  mkdirSync(path, { recursive: true })
  mount('bpf', path)
}
