// SPDX-License-Identifier: Apache-2.0
// The way into a pod's network namespace: through one of its processes.

import type { PodEntries } from '../maps/pod-entries.ts'
import type { Steering } from '../netns/plan.ts'
import { PodNetns } from '../netns/pod-netns.ts'
import type { PodCgroup, PodState } from '../pods/state.ts'
import { locateNetns, netnsPath, type Sighting } from '../processes/locate.ts'

export interface EntranceOptions {
  readonly entries: Pick<PodEntries, 'unsee'>
  readonly steering: Steering
  /** Inode of the node's own network namespace. */
  readonly hostInode: number
  /** Default: the node's own. */
  readonly locate?: typeof locateNetns
  readonly open?: typeof PodNetns.open
}

export class Entrance {
  readonly #options: EntranceOptions
  readonly #locate: typeof locateNetns
  readonly #open: typeof PodNetns.open
  /** By pod-level cgroup: the process that the kernel told of last, or that was found. Its id may be another's by now. */
  readonly #seen = new Map<bigint, number>()

  constructor(options: EntranceOptions) {
    this.#options = options
    this.#locate = options.locate ?? locateNetns
    this.#open = options.open ?? ((...args) => PodNetns.open(...args))
  }

  saw(cgroup: bigint, pid: number): void {
    this.#seen.set(cgroup, pid)
  }

  forget(cgroup: bigint): void {
    this.#seen.delete(cgroup)
  }

  /** Looks twice: the kernel tells of a process that came between only after it was made to forget the others. */
  async find(cgroup: PodCgroup, current?: number): Promise<Sighting | undefined> {
    const { hostInode, entries } = this.#options
    let found = await this.#locate(cgroup.path, hostInode, current)
    if (found === undefined) {
      entries.unsee(cgroup.id)
      found = await this.#locate(cgroup.path, hostInode, current)
    }
    // A pod that was there before the agent joins later: its processes are not searched a second time.
    if (found !== undefined) this.#seen.set(cgroup.id, found.pid)
    return found
  }

  /**
   * The namespace in which a process was seen.
   * @param preferred what the source says the pod's addresses are
   * @throws Error: the process has another by now; it may have ended, and its id be another's
   */
  async enter({ pid, inode }: Sighting, preferred: readonly string[] = []): Promise<PodNetns> {
    const opened = await this.#open(netnsPath(pid), preferred, this.#options.steering)
    if (opened.inode === inode) return opened
    opened.close()
    throw new Error(`process ${pid} is no longer in the network namespace in which it was seen`)
  }

  /** The namespace that the state means; undefined when no process leads there any more. */
  async open(state: PodState): Promise<PodNetns | undefined> {
    const { cgroup } = state
    if (cgroup === undefined) return undefined
    const seen = this.#seen.get(cgroup.id)
    const opened = seen === undefined ? undefined : await this.#through(seen, state).catch(() => undefined)
    if (opened !== undefined) return opened
    const found = await this.find(cgroup)
    return found === undefined ? undefined : this.#through(found.pid, state)
  }

  async #through(pid: number, { netns, pod }: PodState): Promise<PodNetns | undefined> {
    const opened = await this.#open(netnsPath(pid), pod?.ips ?? [], this.#options.steering)
    if (opened.cookie === netns) return opened
    opened.close()
    return undefined
  }
}
