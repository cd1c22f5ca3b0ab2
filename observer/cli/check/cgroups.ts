// SPDX-License-Identifier: Apache-2.0

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { cgroup2Mount, mountsOf } from '../../control/mounts.ts'
import type { CheckResult, Probe } from './result.ts'

const KUBEPODS = /^kubepods(\.slice)?$/
/** kind and k3s nest kubepods a few levels below the root. */
const MAX_DEPTH = 6

export interface CgroupView {
  readonly mountinfo: string
  /** Names of the cgroups in a directory; none if it cannot be read. */
  children(directory: string): readonly string[]
  exists(directory: string): boolean
  /** `cgroupRoots` of the configuration. */
  readonly configured: readonly string[]
}

export function cgroupProbe(configured: readonly string[]): Probe {
  return { family: 'cgroups', run: () => cgroupResults(nodeView(configured)) }
}

/** The node's, as they are now. */
export function currentPodRoots(configured: readonly string[]): string[] {
  return podRoots(nodeView(configured)).filter(exists)
}

function nodeView(configured: readonly string[]): CgroupView {
  return { mountinfo: readFileSync('/proc/self/mountinfo', 'utf8'), children, exists, configured }
}

export function cgroupResults(view: CgroupView): CheckResult[] {
  const mount = cgroup2Mount(view.mountinfo)
  if (mount === undefined) return [withoutMount(view.mountinfo)]
  const found: CheckResult = { feature: 'cgroup2', status: 'ok', found: `mounted at ${mount}` }
  return [found, view.configured.length > 0 ? configuredRoots(mount, view) : foundRoots(mount, view)]
}

/** Directories, absolute, of the cgroups whose children are pods or QoS classes. */
export function podRoots(view: CgroupView): string[] {
  const mount = cgroup2Mount(view.mountinfo)
  if (mount === undefined) return []
  if (view.configured.length > 0) return view.configured.map((root) => join(mount, root))
  const visit = (directory: string, depth: number): string[] =>
    view.children(directory).flatMap((name) => {
      const path = join(directory, name)
      if (KUBEPODS.test(name)) return [path]
      return depth < MAX_DEPTH ? visit(path, depth + 1) : []
    })
  return visit(mount, 1)
}

function withoutMount(mountinfo: string): CheckResult {
  const v1 = mountsOf(mountinfo).some(({ type }) => type === 'cgroup')
  const partial = mountsOf(mountinfo).some(({ type }) => type === 'cgroup2')
  const meaning = 'pods are told apart by their cgroups in the one hierarchy of cgroup2'
  if (partial) {
    const remedy = "mount the node's whole /sys/fs/cgroup into the container"
    return { feature: 'cgroup2', status: 'missing', found: 'only a part of it is mounted', meaning, remedy }
  }
  return {
    feature: 'cgroup2',
    status: 'missing',
    found: v1 ? 'this node has cgroup v1 only, which Sluice does not support' : 'not mounted',
    meaning,
    remedy: v1
      ? 'boot with systemd.unified_cgroup_hierarchy=1, or move to a node image with cgroup2'
      : 'mount -t cgroup2 cgroup2 /sys/fs/cgroup'
  }
}

function configuredRoots(mount: string, view: CgroupView): CheckResult {
  const absent = view.configured.filter((root) => !view.exists(join(mount, root)))
  if (absent.length === 0) return { feature: 'pod cgroups', status: 'ok', found: view.configured.join(', ') }
  const found = `cgroupRoots names ${absent.join(', ')}, which ${mount} does not have`
  const meaning = 'pods below it are not seen'
  return { feature: 'pod cgroups', status: 'degraded', found, meaning, remedy: 'correct cgroupRoots' }
}

function foundRoots(mount: string, view: CgroupView): CheckResult {
  const roots = podRoots(view).map((path) => path.slice(mount.length))
  if (roots.length > 0) return { feature: 'pod cgroups', status: 'ok', found: roots.join(', ') }
  return {
    feature: 'pod cgroups',
    status: 'degraded',
    found: `no cgroup below ${mount} is called kubepods`,
    meaning: 'this node has no pods, or --cgroups-per-qos=false, which Sluice does not support',
    remedy: 'start the kubelet; where pods lie elsewhere, name their parents with cgroupRoots'
  }
}

function children(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : []
    )
  } catch {
    return []
  }
}

function exists(directory: string): boolean {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false
}
