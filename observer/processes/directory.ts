// SPDX-License-Identifier: Apache-2.0
// Reads of a cgroup file system on which anything may vanish between two calls: that is no error here.

import { readdir, readFile, stat } from 'node:fs/promises'

// ENODEV: an open file of a removed cgroup. EOPNOTSUPP: cgroup.procs of a threaded cgroup, whose processes its
// threaded domain lists. ESRCH: a process that ended.
const VANISHED = new Set(['ENOENT', 'ENODEV', 'ENOTDIR', 'ESRCH', 'EOPNOTSUPP', 'ENOTSUP'])

/** Names of the cgroups directly below; empty when the cgroup is gone. */
export async function childCgroups(path: string): Promise<string[]> {
  const entries = await unlessVanished(readdir(path, { withFileTypes: true }))
  return (entries ?? []).filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** The inode, which the kernel's helpers call the cgroup's id; undefined when the cgroup is gone. */
export async function cgroupId(path: string): Promise<bigint | undefined> {
  return (await unlessVanished(stat(path, { bigint: true })))?.ino
}

/** The user id; undefined when the cgroup is gone. */
export async function ownerOf(path: string): Promise<number | undefined> {
  return (await unlessVanished(stat(path)))?.uid
}

/** Undefined when the file is gone. */
export function contentOf(path: string): Promise<string | undefined> {
  return unlessVanished(readFile(path, 'utf8'))
}

async function unlessVanished<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read
  } catch (error) {
    if (error instanceof Error && 'code' in error && VANISHED.has(String(error.code))) return undefined
    throw error
  }
}
