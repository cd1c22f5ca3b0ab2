// SPDX-License-Identifier: Apache-2.0
// The cgroup below which everything of a cluster runs: the root of the node's own cgroup namespace.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** What a kubelet's limits need. Beside v1 controllers cgroup2 has none of them. */
const CONTROLLERS = ['cpu', 'memory', 'pids']

async function words(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).split(/\s+/).filter(Boolean)
}

/** Makes the cgroup, with the controllers that its parent can give. @returns whether limits can be set below. */
export async function makeNodeCgroup(path: string): Promise<boolean> {
  const parent = dirname(path)
  const available = await words(join(parent, 'cgroup.controllers'))
  const given = await words(join(parent, 'cgroup.subtree_control'))
  const missing = available.filter(
    (name) => [...CONTROLLERS, 'cpuset'].includes(name) && !given.includes(name)
  )
  if (missing.length > 0)
    await writeFile(join(parent, 'cgroup.subtree_control'), missing.map((name) => `+${name}`).join(' '))
  await mkdir(path)
  const mine = await words(join(path, 'cgroup.controllers'))
  return CONTROLLERS.every((name) => mine.includes(name))
}
