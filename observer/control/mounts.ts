// SPDX-License-Identifier: Apache-2.0

export interface Mount {
  readonly target: string
  readonly type: string
  /** Path inside the file system that is mounted. */
  readonly root: string
  readonly writable: boolean
}

/** The lines of /proc/<pid>/mountinfo; what does not parse is left out. */
export function mountsOf(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [front, back] = line.split(' - ')
    const [, , , root, target, options] = front?.split(' ') ?? []
    const type = back?.split(' ')[0]
    if (root === undefined || target === undefined || options === undefined || !type) return []
    const writable = options.split(',').includes('rw')
    return [{ root: unescaped(root), target: unescaped(target), type, writable }]
  })
}

/** Where the whole cgroup2 hierarchy is mounted: /sys/fs/cgroup, or below it on a hybrid node. */
export function cgroup2Mount(mountinfo: string): string | undefined {
  return mountsOf(mountinfo).find(({ type, root }) => type === 'cgroup2' && root === '/')?.target
}

/** The kernel writes space, tab, newline and backslash in octal. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8))
  )
}
