// SPDX-License-Identifier: Apache-2.0
// Pods whose first instruction is a connect(): their cgroup is made by the very process that then dials.

import { rmdir } from 'node:fs/promises'
import { type Connected, DIAL } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { must, run } from '../../world/running.ts'
import type { World } from '../../world/world.ts'

interface Home {
  readonly netns: string
  readonly ipv4: string
  readonly ipv6: string
}

export interface Target {
  readonly ipv4: string
  readonly ipv6: string
}

/** Network namespaces that wait for pods; every round moves new pods in, with uids and cgroups of their own. */
export class Newcomers {
  readonly #world: World
  readonly #homes: readonly Home[]
  #round = 0
  #pods: readonly Pod[] = []

  private constructor(world: World, homes: readonly Home[]) {
    this.#world = world
    this.#homes = homes
  }

  static async prepare(world: World, count: number): Promise<Newcomers> {
    const homes = Array.from({ length: count }, (_, index) => ({
      netns: `${world.prefix}-home-${index}`,
      ...world.bridge.allocate()
    }))
    for (const { netns, ...addresses } of homes) await world.bridge.connect(netns, addresses)
    return new Newcomers(world, homes)
  }

  get pods(): readonly Pod[] {
    return this.#pods
  }

  /** Names the next pods to the source; nothing of them exists yet. */
  async list(namespace: string): Promise<readonly Pod[]> {
    const round = ++this.#round
    this.#pods = await Promise.all(
      this.#homes.map(async ({ netns, ipv4, ipv6 }, index) => {
        const name = `newcomer-${round}-${index}`
        const pod = await this.#world.pod({ name, namespace, ipv4, ipv6, start: false })
        pod.netns = netns
        await pod.writeManifest()
        return pod
      })
    )
    return this.#pods
  }

  /** Starts all of them at once: every other one dials by IPv6. */
  async start(target: Target, port: number, ...options: readonly (string | number)[]): Promise<Outcome> {
    const dialled = this.#pods.map(async ({ cgroup, netns }, index) => {
      const address = index % 2 ? target.ipv6 : target.ipv4
      const enter = [DIAL, 'enter', '--make', '--first', cgroup, netns, '--']
      return run([...enter, 'connect', address, String(port), ...options.map(String)])
    })
    const finished = await Promise.all(dialled)
    return new Outcome(finished.flatMap(({ lines }) => lines as unknown as Connected[]))
  }

  /** The same network namespaces, entered by no pod: whatever is refused here was not refused to a pod. */
  async control(target: Target, port: number): Promise<Outcome> {
    const dialled = this.#homes.map(({ netns }, index) => {
      const address = index % 2 ? target.ipv6 : target.ipv4
      return run([DIAL, 'enter', '-', netns, '--', DIAL, 'connect', address, String(port)])
    })
    const finished = await Promise.all(dialled)
    return new Outcome(finished.flatMap(({ lines }) => lines as unknown as Connected[]))
  }

  /** Ends the pods of this round. */
  async end(): Promise<void> {
    for (const pod of this.#pods) {
      await this.#world.manifests.remove(pod)
      await pod.kill()
      await rmdir(pod.cgroup)
      await rmdir(pod.podCgroup)
    }
    this.#pods = []
  }

  async remove(): Promise<void> {
    for (const { netns } of this.#homes) await must(['ip', 'netns', 'del', netns])
  }
}

export class Outcome {
  readonly results: readonly Connected[]

  constructor(results: readonly Connected[]) {
    this.results = results
  }

  get reached(): number {
    return this.results.filter(({ ok }) => ok).length
  }

  /** How often each error came. */
  get errors(): Record<string, number> {
    const errors: Record<string, number> = {}
    for (const { errno } of this.results) if (errno !== undefined) errors[errno] = (errors[errno] ?? 0) + 1
    return errors
  }
}
