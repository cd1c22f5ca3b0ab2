// SPDX-License-Identifier: Apache-2.0
// Finds the node's network namespaces: those of processes, and the named ones.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { netnsPath } from '../processes/locate.ts'

const NAMED = ['/run/netns', '/run/docker/netns']

/** @returns a path for each, by inode */
export function everyNetns(): ReadonlyMap<number, string> {
  const found = new Map<number, string>()
  for (const path of candidates()) {
    const inode = inodeOf(path)
    if (inode !== undefined && !found.has(inode)) found.set(inode, path)
  }
  return found
}

function* candidates(): Generator<string> {
  for (const directory of NAMED) {
    if (existsSync(directory)) for (const name of readdirSync(directory)) yield join(directory, name)
  }
  for (const name of readdirSync('/proc')) if (/^\d+$/.test(name)) yield netnsPath(Number(name))
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino
  } catch {
    // A process that ended, or one whose namespaces a security module keeps to itself: not ours to restore.
    return undefined
  }
}
