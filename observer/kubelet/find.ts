// SPDX-License-Identifier: Apache-2.0
// Which cgroup is the kubelet's alone. Every process in it passes ztunnel by, so a shared one is refused.

import { readdir, readFile, readlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { SluiceError } from '../errors/error.ts'
import type { Cgroup2 } from '../processes/roots.ts'
import { cgroupOf, podProcesses } from '../processes/scan.ts'

const COMM = 'kubelet'

export interface KubeletProcess {
  readonly pid: number
  /** Below the cgroup2 mount. */
  readonly cgroup: string
}

/** Undefined: no process is the kubelet. */
export async function findKubelet(
  cgroup2: Pick<Cgroup2, 'namespace'>,
  proc = '/proc'
): Promise<KubeletProcess | undefined> {
  const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name)).map(Number)
  for (const pid of pids) {
    if ((await contentOf(`${proc}/${pid}/comm`))?.trim() !== COMM) continue
    const cgroup = await cgroupOf(pid, cgroup2)
    if (cgroup !== undefined) return { pid, cgroup }
  }
  return undefined
}

/**
 * @param path absolute
 * @throws SluiceError SLUICE_ERR_KUBELET_ROOT, SLUICE_ERR_KUBELET_SHARED
 */
export async function requireOwnCgroup(path: string, mount: string): Promise<void> {
  // The root's path below the mount is "/".
  if (resolve(path) === resolve(mount)) throw new SluiceError('SLUICE_ERR_KUBELET_ROOT')
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
