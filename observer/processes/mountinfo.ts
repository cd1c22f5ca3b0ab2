// SPDX-License-Identifier: Apache-2.0
// Which of /proc/self/mountinfo's mounts is cgroup2 (proc_pid_mountinfo(5)).

import { SluiceError } from '../errors/error.ts'

export interface Mount {
  readonly mountPoint: string
  /** The directory of the file system that is mounted there; `/` is all of it. */
  readonly root: string
  readonly type: string
}

/** Lines that are not mounts are passed over. */
export function parseMountinfo(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ', 2)
    const [, , , root, mountPoint] = before?.split(' ') ?? []
    const type = after?.split(' ')[0]
    if (root === undefined || mountPoint === undefined || type === undefined || type === '') return []
    return [{ mountPoint: unescaped(mountPoint), root: unescaped(root), type }]
  })
}

/**
 * The cgroup2 mount to use: one of the whole hierarchy rather than of a part, then the first.
 * @throws SluiceError SLUICE_ERR_CGROUP_V1, SLUICE_ERR_CGROUP_NONE
 */
export function findCgroup2(mountinfo: string): Mount {
  const mounts = parseMountinfo(mountinfo)
  const visible = [...new Map(mounts.map((mount) => [mount.mountPoint, mount])).values()]
  const cgroup2 = visible.filter(({ type }) => type === 'cgroup2')
  const found = cgroup2.find(({ root }) => root === '/') ?? cgroup2[0]
  if (found !== undefined) return found
  const v1 = visible.some(({ type }) => type === 'cgroup')
  throw new SluiceError(v1 ? 'SLUICE_ERR_CGROUP_V1' : 'SLUICE_ERR_CGROUP_NONE')
}

// The kernel writes space, tab, newline, backslash and # as \ooo, and everything else as UTF-8 bytes.
function unescaped(field: string): string {
  return field.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8))
  )
}
