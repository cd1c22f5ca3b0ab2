// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'

/** Where a file system of this type is mounted, by /proc/self/mountinfo. */
export function mountPoint(type: 'cgroup2' | 'bpf'): string {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before, after] = line.split(' - ')
    if (after?.startsWith(`${type} `)) return before?.split(' ')[4] ?? ''
  }
  throw new Error(`no ${type} file system is mounted; mount one first`)
}
