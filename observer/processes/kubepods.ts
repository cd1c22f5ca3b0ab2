// SPDX-License-Identifier: Apache-2.0
// The cgroups that pods live in: which exist, and what the kernel's events and a scan say of them.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Event, event_kind } from '#contract'
import type { PodUid } from '../pods/pod.ts'
import type { PodCgroup, Verdict } from '../pods/state.ts'
import { parsePodCgroupName } from './cgroup-path.ts'
import type { ProcessEvent } from './process-event.ts'
import { withinReach } from './reach.ts'
import { type Cgroup2, type CgroupRoot, findRoots, namedRoots } from './roots.ts'
import { scanPods } from './scan.ts'

/** What the kernel maps and links say of a pod cgroup now. */
export interface KernelView {
  read(cgroup: bigint): {
    readonly verdict: Verdict
    readonly netns: bigint | undefined
    readonly prepared: boolean
  }
}

export class Kubepods {
  readonly #cgroup2: Pick<Cgroup2, 'path' | 'level'>
  readonly #names: readonly string[]
  readonly #view: KernelView
  readonly #pods = new Map<bigint, PodCgroup>()
  #roots: readonly CgroupRoot[] = []

  /** @param names roots that the operator named; none: they are looked for */
  constructor(cgroup2: Pick<Cgroup2, 'path' | 'level'>, names: readonly string[], view: KernelView) {
    this.#cgroup2 = cgroup2
    this.#names = names
    this.#view = view
  }

  /** Cgroups whose children are pods: kubepods roots and their QoS classes. */
  get roots(): readonly CgroupRoot[] {
    return this.#roots
  }

  /**
   * The pod that a cgroup lies in, by its place below a root and not by its name alone.
   * @param path below the cgroup2 mount, as /proc/<pid>/cgroup tells it
   */
  podOf(path: string): { readonly uid: PodUid; readonly path: string } | undefined {
    for (const root of this.#roots) {
      const above = `${root.path.slice(this.#cgroup2.path.length)}/`
      const [name = ''] = path.startsWith(above) ? path.slice(above.length).split('/') : []
      const pod = parsePodCgroupName(name)
      if (pod !== undefined) return { uid: pod.uid, path: above + name }
    }
    return undefined
  }

  /** @throws SluiceError SLUICE_ERR_CGROUP_ROOT, SLUICE_ERR_CGROUP_PER_QOS */
  async refresh(): Promise<readonly CgroupRoot[]> {
    const roots =
      this.#names.length > 0 ? await namedRoots(this.#cgroup2, this.#names) : await findRoots(this.#cgroup2)
    // An operator may name a QoS class besides its root.
    this.#roots = [...new Map(roots.map((root) => [root.id, root])).values()]
    return this.#roots
  }

  /** Everything that is there and within reach of the hooks, and what is no longer there. */
  async scan(): Promise<readonly ProcessEvent[]> {
    const levels = new Set(withinReach(this.#roots).near.map(({ level }) => level + 1))
    // One that the hooks have steered they steer still, whatever root was made since.
    const isServed = ({ id, level }: PodCgroup) => this.#pods.has(id) || levels.has(level)
    const found = (await scanPods(this.#roots)).filter(isServed)
    const ids = new Set(found.map(({ id }) => id))
    const gone = [...this.#pods.keys()].filter((id) => !ids.has(id))
    return [...gone.map((id) => this.#gone(id)), ...found.map((cgroup) => this.#found(cgroup))]
  }

  /**
   * @returns undefined for an event about a cgroup that is gone by now, that belongs to no pod, or that is a root:
   * the caller refreshes the roots for those
   */
  translate(event: Event): ProcessEvent | undefined {
    switch (event.kind) {
      case event_kind.EVENT_POD_ADDED:
        return this.#added(event)
      case event_kind.EVENT_POD_REMOVED:
        return this.#gone(event.cgroup)
      case event_kind.EVENT_POD_NETNS:
        return { kind: 'netns-seen', cgroup: event.cgroup, netns: event.netns, pid: event.pid }
      default:
        return undefined
    }
  }

  /**
   * Whether the event, once translated, is about a pod that is not known: the kernel tells of a cgroup a moment
   * before its directory can be seen, and of a pod whose first event was lost. Ask a scan.
   */
  missed({ kind, cgroup }: Event): boolean {
    return kind === event_kind.EVENT_POD_NETNS && !this.#pods.has(cgroup)
  }

  #added({ cgroup: id, level, name }: Event): ProcessEvent | undefined {
    const uid = parsePodCgroupName(name)?.uid
    if (uid === undefined) return undefined
    const parents = this.#roots.filter((root) => root.level + 1 === level)
    const path = parents.map((root) => join(root.path, name)).find((candidate) => isCgroup(candidate, id))
    return path === undefined ? undefined : this.#found({ id, path, level, uid })
  }

  #found(cgroup: PodCgroup): ProcessEvent {
    const living = [...this.#pods.values()].find(
      ({ uid, id, path }) =>
        uid === cgroup.uid && id !== cgroup.id && isCgroup(path, id) && hasProcesses(path)
    )
    if (living !== undefined) return { kind: 'cgroup-rival', cgroup, living }
    this.#pods.set(cgroup.id, cgroup)
    return { kind: 'cgroup-found', cgroup, ...this.#view.read(cgroup.id) }
  }

  #gone(id: bigint): ProcessEvent {
    this.#pods.delete(id)
    return { kind: 'cgroup-gone', id }
  }
}

function isCgroup(path: string, id: bigint): boolean {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino === id
}

/** What is there and does not say counts as alive; it may go while it is asked. */
function hasProcesses(path: string): boolean {
  try {
    return !readFileSync(join(path, 'cgroup.events'), 'utf8').includes('populated 0')
  } catch {
    return existsSync(path)
  }
}
