// SPDX-License-Identifier: Apache-2.0
// Hundreds of pods whose network namespaces and processes are ready, so that a pod begins with two system calls.

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hrtime } from 'node:process'
import { DIAL, Place } from '../world/place.ts'
import type { Pod } from '../world/pod.ts'
import type { Running } from '../world/running.ts'
import type { World } from '../world/world.ts'
import { cgroupId } from './pinned.ts'
import { awaited, JOINED, type Stage } from './stage.ts'

/** Namespaces that are made at once; the kernel makes them one after the other anyhow. */
const AT_ONCE = 4
const LOOK_MS = 10
const PATIENCE_MS = 60_000

interface Member {
  readonly pod: Pod
  readonly process: Running
}

export class Crowd {
  readonly #world: World
  readonly #members: readonly Member[]

  private constructor(world: World, members: readonly Member[]) {
    this.#world = world
    this.#members = members
  }

  /** Listed and annotated, each with a process in its network namespace, in no pod's cgroup yet. */
  static async gather(world: World, count: number): Promise<Crowd> {
    const members: Member[] = []
    const names = Array.from({ length: count }, (_, index) => `crowd-${index}`)
    const worker = async () => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const pod = await world.pod({ name, annotations: JOINED, start: false })
        await pod.writeManifest()
        await pod.makeNetns()
        const process = new Place(name, world.host.cgroup, pod.netns).spawn([DIAL, 'pause'])
        await process.waitForEvent('paused')
        members.push({ pod, process })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    return new Crowd(world, members)
  }

  get size(): number {
    return this.#members.length
  }

  /**
   * The pod's cgroup is made and its process moves in, as a container runtime does.
   * @returns the cgroup's id, and the time just before it was made: ns of CLOCK_MONOTONIC
   */
  begin(index: number): { readonly cgroup: bigint; readonly at: bigint } {
    const { pod, process } = this.#member(index)
    const at = hrtime.bigint()
    mkdirSync(pod.podCgroup)
    mkdirSync(pod.cgroup)
    writeFileSync(join(pod.cgroup, 'cgroup.procs'), String(process.pid))
    return { cgroup: cgroupId(pod.podCgroup), at }
  }

  /** Waits until all of it is; @returns when each was, in ns of CLOCK_MONOTONIC */
  enrolled({ pinned }: Pick<Stage, 'pinned'>): Promise<readonly bigint[]> {
    const look = () => {
      const { steered } = pinned
      return steered.length >= this.size ? steered : undefined
    }
    return awaited(look, `${this.size} pods enrolled`, LOOK_MS, PATIENCE_MS)
  }

  /** The processes go back to where they came from, and the cgroups go. */
  end(): void {
    for (const { pod, process } of this.#members) {
      writeFileSync(join(this.#world.host.cgroup, 'cgroup.procs'), String(process.pid))
      rmdirSync(pod.cgroup)
      rmdirSync(pod.podCgroup)
    }
  }

  #member(index: number): Member {
    const member = this.#members[index]
    if (member === undefined) throw new RangeError(`no member ${index}`)
    return member
  }
}
