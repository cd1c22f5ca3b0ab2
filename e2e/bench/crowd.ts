// SPDX-License-Identifier: Apache-2.0
// Hundreds of pods whose network namespaces are ready, so that a pod begins with two cgroups and one clone().

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hrtime } from 'node:process'
import type { Pod } from '../world/pod.ts'
import type { Running } from '../world/running.ts'
import type { World } from '../world/world.ts'
import { cgroupId } from './pinned.ts'
import { awaited, JOINED, type Stage } from './stage.ts'

/** Namespaces that are made at once; the kernel makes them one after the other anyhow. */
const AT_ONCE = 4
const LOOK_MS = 10
const PATIENCE_MS = 60_000

const SPAWN = join(import.meta.dirname, '../../build/e2e/spawn')

export class Crowd {
  readonly #pods: readonly Pod[]
  readonly #spawner: Running

  private constructor(pods: readonly Pod[], spawner: Running) {
    this.#pods = pods
    this.#spawner = spawner
  }

  /** Listed and annotated, each with a network namespace; none has a cgroup or a process yet. */
  static async gather(world: World, count: number): Promise<Crowd> {
    const pods: Pod[] = []
    const names = Array.from({ length: count }, (_, index) => `crowd-${index}`)
    const worker = async () => {
      for (let name = names.shift(); name !== undefined; name = names.shift()) {
        const pod = await world.pod({ name, annotations: JOINED, start: false })
        await pod.writeManifest()
        await pod.makeNetns()
        pods.push(pod)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    return new Crowd(pods, world.host.spawn([SPAWN]))
  }

  get size(): number {
    return this.#pods.length
  }

  /**
   * The pod's cgroup is made, and its first process is on its way into it.
   * @returns the cgroup's id, and the time just before it was made: ns of CLOCK_MONOTONIC
   */
  begin(index: number): { readonly cgroup: bigint; readonly at: bigint } {
    const pod = this.#pods[index]
    if (pod === undefined) throw new RangeError(`no pod ${index}`)
    const at = hrtime.bigint()
    mkdirSync(pod.podCgroup)
    mkdirSync(pod.cgroup)
    this.#spawner.write(`${pod.cgroup} ${pod.netns}\n`)
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

  /** The processes end, and the cgroups go. */
  async end(): Promise<void> {
    for (const { podCgroup } of this.#pods) writeFileSync(join(podCgroup, 'cgroup.kill'), '1')
    for (const { cgroup, podCgroup } of this.#pods) {
      await awaited(() => removed(cgroup), `${cgroup} empty`)
      rmdirSync(podCgroup)
    }
  }
}

/** Undefined while a process is in it. */
function removed(cgroup: string): true | undefined {
  try {
    rmdirSync(cgroup)
    return true
  } catch {
    return undefined
  }
}
