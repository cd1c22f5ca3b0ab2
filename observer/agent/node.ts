// SPDX-License-Identifier: Apache-2.0
// What the agent needs to know of the node before it begins.

import { existsSync, mkdirSync, statSync } from 'node:fs'
import { mount, Netns } from '#native'
import { type Cgroup2, mountedCgroup2 } from '../processes/roots.ts'

export interface Node {
  readonly cgroup2: Cgroup2
  readonly hostNetns: { readonly cookie: bigint; readonly inode: number }
}

const HOST_NETNS = '/proc/1/ns/net'
// statfs(2) would tell, but a bpffs is also the only file system in which these cannot be made.
const BPFFS_INODE = 1n

export async function surveyNode(bpffs: string): Promise<Node> {
  mountBpffs(bpffs)
  const cgroup2 = await mountedCgroup2()
  using host = Netns.open(HOST_NETNS)
  const [cookie] = await host.run([{ op: 'cookie' }])
  return { cgroup2, hostNetns: { cookie, inode: host.inode } }
}

function mountBpffs(path: string): void {
  if (existsSync(path) && statSync(path, { bigint: true }).ino === BPFFS_INODE) return
  mkdirSync(path, { recursive: true })
  mount('bpf', path)
}
