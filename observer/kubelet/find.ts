// SPDX-License-Identifier: Apache-2.0
// Which cgroup is the kubelet's alone. Every process in it passes ztunnel by, so a shared one is refused.

import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { SluiceError } from '../errors/error.ts'
import { parseProcCgroup } from '../processes/cgroup-namespace.ts'
import { parseRootCgroupName } from '../processes/cgroup-path.ts'
import type { Cgroup2, CgroupRoot } from '../processes/roots.ts'
import { podProcesses } from '../processes/scan.ts'

/** A kubelet that was replaced while it runs. */
const EXECUTABLES: ReadonlySet<string> = new Set(['kubelet', 'kubelet (deleted)'])
/** Real, effective, saved and of the file system: none is what a set-user-id program would have. */
const ROOT = /^Uid:\t0\t0\t0\t0$/m

export interface KubeletPlace {
  readonly cgroup2: Pick<Cgroup2, 'path' | 'namespace'>
  /** Inode of the node's own network namespace. */
  readonly hostInode: number
  /** Cgroups whose children are pods. */
  readonly roots: readonly Pick<CgroupRoot, 'path'>[]
  readonly proc?: string
}

/**
 * Cgroups of the processes that are the node's own kubelet, absolute. Whoever else gives a program its name is not it:
 * the true one is root, in the namespaces of the node, and in no pod.
 */
export async function kubeletCgroups(place: KubeletPlace): Promise<readonly string[]> {
  const { cgroup2, roots, proc = '/proc' } = place
  const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name))
  const cgroups = new Set<string>()
  for (const pid of pids) {
    if (!(await isKubelet(pid, place))) continue
    const below = parseProcCgroup((await contentOf(`${proc}/${pid}/cgroup`)) ?? '', cgroup2.namespace)
    const path = below === undefined ? undefined : join(cgroup2.path, below)
    if (path !== undefined && !isOfPods(path, cgroup2.path, roots)) cgroups.add(path)
  }
  return [...cgroups]
}

async function isKubelet(pid: string, { hostInode, proc = '/proc' }: KubeletPlace): Promise<boolean> {
  const target = (path: string) => readlink(`${proc}/${path}`).catch(() => undefined)
  if (!EXECUTABLES.has(basename((await target(`${pid}/exe`)) ?? ''))) return false
  const [status, netns, user, own] = await Promise.all([
    contentOf(`${proc}/${pid}/status`),
    target(`${pid}/ns/net`),
    target(`${pid}/ns/user`),
    target('self/ns/user')
  ])
  return ROOT.test(status ?? '') && netns === `net:[${hostInode}]` && user !== undefined && user === own
}

/** At or below a cgroup whose children are pods, also one that the operator did not name. */
function isOfPods(path: string, mount: string, roots: KubeletPlace['roots']): boolean {
  const parts = relative(mount, path).split('/')
  return (
    parts.some((name) => parseRootCgroupName(name) !== undefined) ||
    roots.some((root) => isWithin(path, root.path))
  )
}

function isWithin(path: string, above: string): boolean {
  return path === above || path.startsWith(`${above}/`)
}

/**
 * @param path absolute
 * @throws SluiceError SLUICE_ERR_KUBELET_ROOT, SLUICE_ERR_KUBELET_PODS, SLUICE_ERR_KUBELET_SHARED
 */
export async function requireOwnCgroup(
  path: string,
  mount: string,
  roots: KubeletPlace['roots']
): Promise<void> {
  // The root's path below the mount is "/".
  if (resolve(path) === resolve(mount)) throw new SluiceError('SLUICE_ERR_KUBELET_ROOT')
  if (isOfPods(path, mount, roots) || roots.some((root) => isWithin(root.path, path)))
    throw new SluiceError('SLUICE_ERR_KUBELET_PODS', { path })
  const programs = await programsIn(path)
  if (new Set(programs.values()).size > 1) throw sharedBy(path, programs.values())
}

/** Executables of the processes in a cgroup and below it, by process. */
export async function programsIn(path: string): Promise<ReadonlyMap<number, string>> {
  const programs = new Map<number, string>()
  for (const pid of await podProcesses(path)) {
    const executable = await readlink(`/proc/${pid}/exe`).catch(() => undefined)
    if (executable !== undefined) programs.set(pid, executable)
  }
  return programs
}

export function sharedBy(path: string, programs: Iterable<string>): SluiceError {
  return new SluiceError('SLUICE_ERR_KUBELET_SHARED', { path, programs: [...new Set(programs)].join(', ') })
}

async function contentOf(path: string): Promise<string | undefined> {
  // A process that ended between two reads is not the kubelet.
  return readFile(path, 'utf8').catch(() => undefined)
}
