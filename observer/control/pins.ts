// SPDX-License-Identifier: Apache-2.0

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod, PodRecord, PodStat } from '#contract'
import { BpfMap } from '#native'
import { SluiceError } from '../errors/error.ts'
import { counterSum } from '../maps/counters.ts'
import { declaredMode, isPaused } from '../maps/mode.ts'
import { findCgroup2 } from '../processes/mountinfo.ts'
import type { PinnedState } from './pinned.ts'

/**
 * Reads the maps that an agent has pinned, without changing anything.
 *
 * @param directory `<bpffs>/<pinDirectory>/v<layout>/maps`
 * @param counters how many there are
 * @returns undefined when no agent has pinned anything there
 * @throws SluiceError SLUICE_ERR_PINNED_STATE
 */
export function readPinnedState(directory: string, counters: number): PinnedState | undefined {
  if (!existsSync(directory)) return undefined
  try {
    const byNetns = contents<Pod>(directory, 'netns_pod')
    const pods = contents<Pod>(directory, 'cgroup_pod')
    // A pod whose cgroup is gone while its network namespace is still steered.
    for (const pod of byNetns.values()) if (!pods.has(pod.cgroup)) pods.set(pod.cgroup, pod)
    return {
      pods,
      records: contents<PodRecord>(directory, 'pod_record'),
      stats: contents<PodStat>(directory, 'pod_stat'),
      ...modes(directory),
      counters: counterSums(directory, counters),
      paths: cgroupPaths(new Set(pods.keys()))
    }
  } catch (error) {
    throw new SluiceError('SLUICE_ERR_PINNED_STATE', { path: directory }, error)
  }
}

function contents<V>(directory: string, name: string): Map<bigint, V> {
  using map = BpfMap.openPinned<bigint, V>(join(directory, name))
  return new Map(map.entries())
}

/** An agent from before there were modes has left no such map. */
function modes(directory: string): Pick<PinnedState, 'mode' | 'paused'> {
  if (!existsSync(join(directory, 'mode'))) return { mode: 'enforce', paused: false }
  using map = BpfMap.openPinned<number, number>(join(directory, 'mode'))
  return { mode: declaredMode(map), paused: isPaused(map) }
}

function counterSums(directory: string, counters: number): bigint[] {
  using map = BpfMap.openPinned<number, bigint>(join(directory, 'counter'))
  return Array.from({ length: counters }, (_, index) => counterSum(map, index))
}

/** The kernel numbers cgroups as cgroupfs numbers its directories. */
function cgroupPaths(wanted: ReadonlySet<bigint>): Map<bigint, string> {
  const found = new Map<bigint, string>()
  const { mountPoint } = findCgroup2(readFileSync('/proc/self/mountinfo', 'utf8'))
  const visit = (path: string): void => {
    if (found.size === wanted.size) return
    const directory = join(mountPoint, path)
    const inode = statSync(directory, { bigint: true, throwIfNoEntry: false })?.ino
    if (inode !== undefined && wanted.has(inode)) found.set(inode, path)
    for (const entry of readdirIfThere(directory)) {
      if (entry.isDirectory()) visit(join(path, entry.name))
    }
  }
  visit('/')
  return found
}

function readdirIfThere(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch {
    // It went away meanwhile, as cgroups do.
    return []
  }
}
