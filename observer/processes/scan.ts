// SPDX-License-Identifier: Apache-2.0
// What exists now: pod cgroups, their processes, a process's cgroup.

import { join } from 'node:path'
import type { PodUid } from '../pods/pod.ts'
import { parseProcCgroup } from './cgroup-namespace.ts'
import { parsePodCgroupName } from './cgroup-path.ts'
import { cgroupId, childCgroups, contentOf } from './directory.ts'
import type { Cgroup2, CgroupRoot } from './roots.ts'

export interface PodCgroup {
  /** Inode, which is what the kernel's helpers call the cgroup's id. */
  readonly id: bigint
  readonly path: string
  /** The root of cgroup2 is 0. */
  readonly level: number
  readonly uid: PodUid
  readonly name: string
}

/** The pods below these roots; one that vanishes meanwhile is left out. */
export async function scanPods(roots: readonly CgroupRoot[]): Promise<PodCgroup[]> {
  const found = await Promise.all(roots.map(podsBelow))
  return found.flat()
}

async function podsBelow(root: CgroupRoot): Promise<PodCgroup[]> {
  const names = await childCgroups(root.path)
  const pods = names.map(async (name): Promise<PodCgroup[]> => {
    const pod = parsePodCgroupName(name)
    if (pod === undefined) return []
    const path = join(root.path, name)
    const id = await cgroupId(path)
    return id === undefined ? [] : [{ id, path, level: root.level + 1, uid: pod.uid, name }]
  })
  return (await Promise.all(pods)).flat()
}

/** Process ids in a cgroup and all below it. A process that moves meanwhile may be missing; none is told twice. */
export async function podProcesses(path: string): Promise<number[]> {
  return [...new Set(await processesBelow(path))]
}

async function processesBelow(path: string): Promise<number[]> {
  const [content, children] = await Promise.all([contentOf(join(path, 'cgroup.procs')), childCgroups(path)])
  const below = await Promise.all(children.map((name) => processesBelow(join(path, name))))
  return [...parseCgroupProcs(content ?? ''), ...below.flat()]
}

/** The ids in cgroup.procs; 0 stands for a process outside our pid namespace and is left out. */
export function parseCgroupProcs(content: string): number[] {
  return content.split('\n').flatMap((line) => (/^[1-9]\d*$/.test(line) ? [Number(line)] : []))
}

/** The cgroup2 path of a process, below the mount; undefined when the process is gone. */
export async function cgroupOf(
  pid: number,
  { namespace }: Pick<Cgroup2, 'namespace'>
): Promise<string | undefined> {
  const content = await contentOf(`/proc/${pid}/cgroup`)
  return content === undefined ? undefined : parseProcCgroup(content, namespace)
}
