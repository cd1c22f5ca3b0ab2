// SPDX-License-Identifier: Apache-2.0
// Finds the cgroups whose children are pods.

import { readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { SluiceError } from '../errors/error.ts'
import { ownNamespaceRoot } from './cgroup-namespace.ts'
import { parseQosCgroupName, parseRootCgroupName, type Qos } from './cgroup-path.ts'
import { cgroupId, childCgroups, ownerOf } from './directory.ts'
import { findCgroup2 } from './mountinfo.ts'

export interface Cgroup2 {
  readonly path: string
  /**
   * Of the mounted directory, counted as the kernel does: 0 is the root of the hierarchy. Undefined: a part of
   * the hierarchy is mounted, so the path does not tell; ask the kernel about any cgroup below.
   */
  readonly level: number | undefined
  /** Where the paths that /proc/<pid>/cgroup tells this process begin, below the mounted directory. */
  readonly namespace: string
}

/** A cgroup whose children are pods. */
export interface CgroupRoot {
  /** Inode, which is what the kernel's helpers call the cgroup's id. */
  readonly id: bigint
  readonly path: string
  /** The root of cgroup2 is 0; the pods are one level below. */
  readonly level: number
  readonly qos: Qos
}

// kernfs gives the root of every hierarchy this inode.
const ROOT_ID = 1n

/** @throws SluiceError SLUICE_ERR_CGROUP_V1, SLUICE_ERR_CGROUP_NONE, SLUICE_ERR_CGROUP_PLACE */
export async function mountedCgroup2(): Promise<Cgroup2> {
  const mount = findCgroup2(await readFile('/proc/self/mountinfo', 'utf8'))
  const { mountPoint: path } = mount
  const [{ ino }, namespace] = await Promise.all([stat(path, { bigint: true }), ownNamespaceRoot(mount)])
  if (namespace === undefined) throw new SluiceError('SLUICE_ERR_CGROUP_PLACE', { path })
  return { path, level: ino === ROOT_ID ? 0 : undefined, namespace }
}

/** Of a cgroup, counted as the kernel does. @param below its path below the mount */
export function levelBelow({ level = 0 }: Pick<Cgroup2, 'level'>, below: string): number {
  return level + below.split('/').filter((part) => part !== '').length
}

/**
 * The kubepods roots and their QoS classes, wherever they are below `cgroup2`, but not inside each other.
 * None is no error: kubelet may not have started. A root must have the owner of the mount: who has been given a
 * part of the hierarchy, as every session of systemd is, could make pods of any uid there.
 * @throws SluiceError SLUICE_ERR_CGROUP_PER_QOS: containers without pod cgroups
 */
export async function findRoots(cgroup2: Pick<Cgroup2, 'path' | 'level'>): Promise<CgroupRoot[]> {
  const level = cgroup2.level ?? 0
  const found: { path: string; level: number }[] = []
  const strays: string[] = []
  let breadth = [cgroup2.path]
  for (let depth = level + 1; breadth.length > 0; depth++) {
    const next = await Promise.all(breadth.map((path) => childrenOf(path)))
    breadth = []
    for (const { name, path } of next.flat()) {
      if (parseRootCgroupName(name) !== undefined) found.push({ path, level: depth })
      else breadth.push(path)
      if (isStrayContainer(relative(cgroup2.path, path))) strays.push(path)
    }
  }
  const [owner, ...owners] = await Promise.all([cgroup2, ...found].map(({ path }) => ownerOf(path)))
  const roots = found.filter((_, index) => owners[index] === owner)
  if (roots.length === 0 && strays[0] !== undefined) {
    throw new SluiceError('SLUICE_ERR_CGROUP_PER_QOS', { path: strays[0] })
  }
  return (await Promise.all(roots.map((root) => withQosClasses(root.path, root.level)))).flat()
}

/**
 * The same for roots that the operator named, as paths below the mount.
 * @throws SluiceError SLUICE_ERR_CGROUP_ROOT
 */
export async function namedRoots(
  cgroup2: Pick<Cgroup2, 'path' | 'level'>,
  names: readonly string[]
): Promise<CgroupRoot[]> {
  const roots = names.map(async (name) => {
    const path = join(cgroup2.path, name)
    const below = relative(cgroup2.path, path)
    if (below === '') throw new SluiceError('SLUICE_ERR_CGROUP_ROOT', { path }, 'it holds more than pods')
    if (below.startsWith('..'))
      throw new SluiceError('SLUICE_ERR_CGROUP_ROOT', { path }, 'it is not below the mount')
    const found = await withQosClasses(path, levelBelow(cgroup2, below))
    if (found.length === 0)
      throw new SluiceError('SLUICE_ERR_CGROUP_ROOT', { path }, 'there is no such cgroup')
    return found
  })
  return (await Promise.all(roots)).flat()
}

async function withQosClasses(path: string, level: number): Promise<CgroupRoot[]> {
  const classes = (await childrenOf(path)).flatMap((child) => {
    const qos = parseQosCgroupName(child.name)?.qos
    return qos === undefined ? [] : [{ path: child.path, level: level + 1, qos }]
  })
  const all: Omit<CgroupRoot, 'id'>[] = [{ path, level, qos: 'guaranteed' }, ...classes]
  const known = await Promise.all(all.map(async (root) => ({ root, id: await cgroupId(root.path) })))
  return known.flatMap(({ root, id }) => (id === undefined ? [] : [{ id, ...root }]))
}

async function childrenOf(path: string): Promise<{ name: string; path: string }[]> {
  return (await childCgroups(path)).map((name) => ({ name, path: join(path, name) }))
}

// Where the runtimes put a container for which kubelet names no parent. Docker's own do not look like these.
function isStrayContainer(path: string): boolean {
  return /^(?:k8s\.io\/)?[0-9a-f]{64}$|(?:^|\/)(?:cri-containerd|crio)-[0-9a-f]{64}\.scope$/.test(path)
}
