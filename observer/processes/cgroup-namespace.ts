// SPDX-License-Identifier: Apache-2.0
// A container has a cgroup namespace of its own: to an agent in it, /proc/<pid>/cgroup tells every path from its
// own cgroup, `/../../kubelet.service`, while the node's hierarchy is mounted from the top.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { childCgroups, contentOf } from './directory.ts'
import type { Mount } from './mountinfo.ts'

/**
 * Where the paths of /proc/<pid>/cgroup begin, below the mount.
 * @returns undefined when no cgroup of the mount holds this process at that depth
 */
export async function namespaceRoot(
  { mountPoint, root }: Mount,
  own: { readonly pid: number; readonly content: string }
): Promise<string | undefined> {
  // The mount's root is told from the namespace as well: `/../..` is two levels above it.
  const depth = partsOf(root).filter((part) => part === '..').length
  if (depth === 0) return '/'
  const below = partsOf(unifiedLine(own.content) ?? '/')
  let level = ['']
  for (let i = 0; i < depth + below.length; i++) {
    const next = level.map(async (path) =>
      (await childCgroups(join(mountPoint, path))).map((name) => `${path}/${name}`)
    )
    level = (await Promise.all(next)).flat()
  }
  for (const path of level) {
    const pids = (await contentOf(join(mountPoint, path, 'cgroup.procs')))?.split('\n')
    if (pids?.includes(String(own.pid))) return `/${partsOf(path).slice(0, depth).join('/')}`
  }
  return undefined
}

export async function ownNamespaceRoot(mount: Mount): Promise<string | undefined> {
  return namespaceRoot(mount, { pid: process.pid, content: await readFile('/proc/self/cgroup', 'utf8') })
}

/**
 * The path below the mount that the `0::` line of /proc/<pid>/cgroup means. A removed cgroup's ends in ` (deleted)`.
 * @param namespace where such paths begin
 * @returns undefined where there is no such line, and for a path that leaves the mount
 */
export function parseProcCgroup(content: string, namespace = '/'): string | undefined {
  const line = unifiedLine(content)
  if (line === undefined) return undefined
  const path = partsOf(namespace)
  for (const part of partsOf(line)) {
    if (part !== '..') path.push(part)
    else if (path.pop() === undefined) return undefined
  }
  return `/${path.join('/')}`
}

function unifiedLine(content: string): string | undefined {
  const line = content.split('\n').find((candidate) => candidate.startsWith('0::/'))
  return line?.slice('0::'.length)
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '')
}
