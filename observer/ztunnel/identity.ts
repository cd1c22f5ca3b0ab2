// SPDX-License-Identifier: Apache-2.0
// Whether the process at the other end is ztunnel. Whoever is taken for it is handed every pod's network
// namespace, so its label alone means nothing: its cgroup says which pod it is, and the source what that pod is.

import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { parseProcCgroup } from '../processes/cgroup-namespace.ts'
import { type Cgroup2, levelBelow } from '../processes/roots.ts'
import { startTimeOf } from '../processes/start-time.ts'
import type { Cgroup } from './workload.ts'

/** As the kernel told it when the peer connected. */
export interface Peer {
  /** 0: the peer lives in a pid namespace that the agent does not see. */
  readonly pid: number
  /** Clock ticks after boot: field 22 of /proc/<pid>/stat. */
  readonly startTime: bigint
  /** Linux 6.5 and later. */
  readonly pidfd: number | undefined
}

export type RefusalReason =
  | 'pid-not-visible'
  | 'process-gone'
  | 'cgroup-unknown'
  | 'not-a-pod'
  | 'not-ztunnel'
  | 'not-in-ztunnel-cgroup'

export type Authorization =
  | { readonly allowed: true; readonly cgroup: Cgroup; readonly key: string }
  | { readonly allowed: false; readonly reason: string; readonly detail?: string }

export type Authorize = (peer: Peer) => Promise<Authorization>

export interface IdentityOptions {
  readonly cgroup2: Cgroup2
  /** The pod-level part of a path of /proc/<pid>/cgroup, or undefined for one that lies in no pod. */
  readonly podOf: (path: string) => { readonly uid: string; readonly path: string } | undefined
  /** Whether the source says so: label, namespace and service account. */
  readonly isZtunnelPod: (uid: string) => boolean
  /** Manifest source: the cgroup of ztunnel, absolute or below the mount point. Nothing else is then asked. */
  readonly ztunnelCgroup?: string | undefined
  readonly proc?: string
}

/** The design's decision. The process is known to be the same before and after its cgroup was read. */
export function createAuthorize(options: IdentityOptions): Authorize {
  const { cgroup2, proc = '/proc' } = options
  return async (peer) => {
    if (peer.pid <= 0) return refuse('pid-not-visible', 'the agent needs the pid namespace of the host')
    if (!(await isAlive(proc, peer))) return refuse('process-gone')
    const path = unifiedPath(await read(join(proc, String(peer.pid), 'cgroup')), cgroup2.namespace)
    if (!(await isAlive(proc, peer))) return refuse('process-gone')
    if (path === undefined)
      return refuse('cgroup-unknown', 'no usable line for cgroup2 in /proc/<pid>/cgroup')
    const claim = decide(path, options)
    if (!claim.allowed) return claim
    const absolute = join(cgroup2.path, claim.path)
    const id = await stat(absolute, { bigint: true }).then(
      ({ ino }) => ino,
      () => undefined
    )
    if (id === undefined) return refuse('cgroup-unknown', `no directory ${absolute}`)
    return {
      allowed: true,
      key: claim.key,
      cgroup: { id, path: absolute, level: levelBelow(cgroup2, claim.path) }
    }
  }
}

type Claim = { readonly allowed: true; readonly path: string; readonly key: string }
type Refusal = { readonly allowed: false; readonly reason: RefusalReason; readonly detail?: string }

function decide(path: string, options: IdentityOptions): Claim | Refusal {
  if (options.ztunnelCgroup !== undefined) {
    const wanted = belowRoot(options.ztunnelCgroup, options.cgroup2.path)
    if (wanted !== '/' && isBelow(path, wanted)) return { allowed: true, path: wanted, key: wanted }
    return refuse('not-in-ztunnel-cgroup', `${path} is not below ${wanted}`)
  }
  const pod = options.podOf(path)
  if (pod === undefined) return refuse('not-a-pod', path)
  if (!options.isZtunnelPod(pod.uid)) return refuse('not-ztunnel', path)
  return { allowed: true, path: pod.path, key: pod.uid }
}

/**
 * The cgroup2 path in the text of /proc/<pid>/cgroup. Undefined where there is none, where the cgroup is
 * deleted, and for a path that leaves the mount.
 * @param namespace where such paths begin, below the mount
 */
export function unifiedPath(text: string | undefined, namespace = '/'): string | undefined {
  const path = text === undefined ? undefined : parseProcCgroup(text, namespace)
  return path?.endsWith(' (deleted)') ? undefined : path
}

async function isAlive(proc: string, { pid, startTime, pidfd }: Peer): Promise<boolean> {
  if (pidfd !== undefined) {
    // A pidfd cannot be reused for another process; its Pid is -1 once the process has been reaped.
    const info = await read(join(proc, 'self/fdinfo', String(pidfd)))
    if (!info?.split('\n').includes(`Pid:\t${pid}`)) return false
  }
  return startTimeOf(await read(join(proc, String(pid), 'stat'))) === startTime
}

function refuse(reason: RefusalReason, detail?: string): Refusal {
  return detail === undefined ? { allowed: false, reason } : { allowed: false, reason, detail }
}

export function belowRoot(path: string, root: string): string {
  const below = path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : path
  return `/${below
    .split('/')
    .filter((part) => part !== '')
    .join('/')}`
}

function isBelow(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(`${ancestor}/`)
}

async function read(path: string): Promise<string | undefined> {
  return readFile(path, 'latin1').catch(() => undefined)
}
