// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'

type Filesystem = 'cgroup2' | 'bpf'

/** Where the agent mounts a bpffs when there is none. */
const BPFFS = '/sys/fs/bpf'

function find(type: Filesystem): string | undefined {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before, after] = line.split(' - ')
    if (after?.startsWith(`${type} `)) return before?.split(' ')[4]
  }
  return undefined
}

export function mounted(type: Filesystem): boolean {
  return find(type) !== undefined
}

/** Where a file system of this type is mounted, by /proc/self/mountinfo; a bpffs, where it will be. */
export function mountPoint(type: Filesystem): string {
  const path = find(type) ?? (type === 'bpf' ? BPFFS : undefined)
  if (path === undefined) throw new Error(`no ${type} file system is mounted; mount one first`)
  return path
}
