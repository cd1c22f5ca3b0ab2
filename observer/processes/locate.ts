// SPDX-License-Identifier: Apache-2.0
// Which network namespace is a pod's: the one its sandbox runs in.

import { readFile, stat } from 'node:fs/promises'
import { podProcesses } from './scan.ts'
import { startTimeOf } from './start-time.ts'

export interface Sighting {
  readonly pid: number
  /** Inode of the network namespace. */
  readonly inode: number
}

/**
 * The namespace of the pod's oldest process that has left the node's; the pause process is the oldest there is.
 * A namespace that the pod made itself belongs to younger ones.
 *
 * @param path the pod-level cgroup
 * @param hostInode inode of the node's own network namespace
 * @param current inode of the namespace that the pod has so far; kept while any process is in it
 * @returns undefined while every process is in the node's namespace, or none is left
 */
export async function locateNetns(
  path: string,
  hostInode: number,
  current?: number
): Promise<Sighting | undefined> {
  const pids = await podProcesses(path)
  const found = await Promise.all(pids.map((pid) => sight(pid)))
  const elsewhere = found.flatMap((each) => (each === undefined || each.inode === hostInode ? [] : [each]))
  const oldestFirst = elsewhere.toSorted((a, b) => Number(a.startTime - b.startTime) || a.pid - b.pid)
  return oldestFirst.find(({ inode }) => inode === current) ?? oldestFirst[0]
}

async function sight(pid: number): Promise<(Sighting & { startTime: bigint }) | undefined> {
  try {
    const [{ ino }, text] = await Promise.all([stat(netnsPath(pid)), readFile(`/proc/${pid}/stat`, 'utf8')])
    const startTime = startTimeOf(text)
    return startTime === undefined ? undefined : { pid, inode: ino, startTime }
  } catch {
    // The process is gone, which is not this pod's last word.
    return undefined
  }
}

export function netnsPath(pid: number): string {
  return `/proc/${pid}/ns/net`
}
