// SPDX-License-Identifier: Apache-2.0
// Pods without Kubernetes: network namespaces on a bridge, cgroups where a kubelet would put them, manifests in a
// directory. Everything carries the world's prefix and is removed with it, also when the test is killed.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Agent, type AgentOptions } from './agent.ts'
import { Bridge } from './bridge.ts'
import { type CgroupLayout, makeCgroup, podRoots } from './cgroups.ts'
import { type Guard, startGuard } from './guard.ts'
import { Manifests, Namespace } from './manifests.ts'
import { mountPoint } from './mounts.ts'
import { chooseSubnets, uniquePrefix } from './name.ts'
import { Place } from './place.ts'
import { Pod, type PodOptions } from './pod.ts'

export interface WorldOptions {
  /** Default: unique. At most 9 characters: devices are named after it. */
  readonly prefix?: string
}

export class World {
  readonly prefix: string
  /** Absolute path; all cgroups of the world are below. */
  readonly cgroup: string
  /** For sockets, manifests and logs; removed with the world. */
  readonly runDirectory: string
  readonly manifests: Manifests
  readonly bridge: Bridge
  /** The node: its network namespace, a cgroup that is no pod's and no component's. */
  readonly host: Place
  /** The node's network namespace, in the cgroup that stands for the kubelet's service. */
  readonly kubelet: Place
  readonly pods: Pod[] = []
  readonly zdsSocket: string
  readonly #cgroupMount: string
  readonly #guard: Guard
  readonly #roots = new Set<string>()
  readonly #agents: Agent[] = []

  private constructor(prefix: string) {
    this.prefix = prefix
    this.#cgroupMount = mountPoint('cgroup2')
    this.cgroup = join(this.#cgroupMount, prefix)
    this.runDirectory = join('/run', `sluice-${prefix}`)
    this.zdsSocket = join(this.runDirectory, 'ztunnel.sock')
    this.#guard = startGuard(prefix, this.cgroup, this.runDirectory, join(mountPoint('bpf'), prefix))
    this.manifests = new Manifests(this.runDirectory)
    this.bridge = new Bridge(prefix, chooseSubnets())
    this.host = new Place('host', join(this.cgroup, 'host'), '-')
    this.kubelet = new Place('kubelet', join(this.cgroup, 'kubelet.service'), '-')
  }

  /** Needs root, a cgroup2 and a bpf mount. @throws with what is missing, having removed what it had made. */
  static async create(options: WorldOptions = {}): Promise<World> {
    const world = new World(options.prefix ?? uniquePrefix())
    try {
      await mkdir(world.runDirectory, { recursive: true })
      await world.manifests.open()
      await world.bridge.open()
      await world.host.makeCgroup()
      await world.kubelet.makeCgroup()
      // The agent's configuration names it, and ztunnel may start last.
      await makeCgroup(join(world.cgroup, 'ztunnel'))
      await world.layout({ driver: 'cgroupfs', depth: 0 })
      await world.layout({ driver: 'systemd', depth: 0 })
    } catch (error) {
      await world.cleanup()
      throw error
    }
    return world
  }

  /** Makes the cgroups whose children are pods. `pod()` does it too; an agent knows those made before it started. */
  async layout(layout: CgroupLayout): Promise<void> {
    for (const root of podRoots(layout)) {
      this.#roots.add(`/${this.prefix}/${root}`)
      await makeCgroup(join(this.cgroup, root))
    }
  }

  /** Paths below the cgroup2 mount of the cgroups whose children are pods. */
  get cgroupRoots(): string[] {
    return [...this.#roots]
  }

  /** A pod; it runs when this resolves, unless `start: false`. */
  async pod(options: PodOptions | string): Promise<Pod> {
    const described = typeof options === 'string' ? { name: options } : options
    await this.layout({ driver: 'cgroupfs', depth: 0, ...described.layout })
    const pod = new Pod(described, this)
    this.pods.push(pod)
    if (described.start !== false) await pod.start()
    return pod
  }

  /** Another machine: an address on the bridge, outside kubepods and in no manifest. */
  async outsider(name: string): Promise<Place & { readonly ipv4: string; readonly ipv6: string }> {
    const place = new Place(name, join(this.cgroup, 'outside', name), `${this.prefix}-outside-${name}`)
    const addresses = this.bridge.allocate()
    await place.makeCgroup()
    await this.bridge.connect(place.netns, addresses)
    return Object.assign(place, addresses)
  }

  /** A cgroup and a network namespace of the node's own, for a component: ztunnel, say. */
  async component(name: string): Promise<Place & { readonly ipv4: string; readonly ipv6: string }> {
    const place = new Place(name, join(this.cgroup, name), `${this.prefix}-${name}`)
    const addresses = this.bridge.allocate()
    await place.makeCgroup()
    await this.bridge.connect(place.netns, addresses)
    return Object.assign(place, addresses)
  }

  /** Writes the namespace's manifest. */
  async namespace(
    name: string,
    about: { labels?: Record<string, string>; annotations?: Record<string, string> } = {}
  ): Promise<Namespace> {
    const namespace = new Namespace(name, about.labels, about.annotations)
    await this.manifests.write(namespace)
    return namespace
  }

  /** The agent's configuration in this world, before a test's overrides. */
  agentConfig(): Record<string, unknown> {
    return {
      source: 'manifest',
      manifest: { directory: this.manifests.directory },
      cgroupRoots: this.cgroupRoots,
      bpffs: mountPoint('bpf'),
      pinDirectory: this.prefix,
      zds: { socket: this.zdsSocket },
      ztunnel: { cgroup: `/${this.prefix}/ztunnel` },
      controlSocket: join(this.runDirectory, 'sluice.sock'),
      // Worlds run side by side; a test that wants metrics names a port.
      metrics: { address: '0' },
      log: { level: 'debug' }
    }
  }

  /** Starts `sluice agent`; at most one at a time in a world. */
  async agent(options: AgentOptions = {}): Promise<Agent> {
    const place = new Place('agent', join(this.cgroup, 'agent'), '-')
    const { runDirectory } = this
    const agent = await Agent.start({ place, runDirectory, config: this.agentConfig() }, options)
    this.#agents.push(agent)
    return agent
  }

  /** The agents of this world so far, for the output of a failed test. */
  get agents(): readonly Agent[] {
    return this.#agents
  }

  /** Ends every process and removes everything that this world made. May be called again. */
  async cleanup(): Promise<void> {
    await this.#guard.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cleanup()
  }
}

/** See `World.create`. */
export function createWorld(options: WorldOptions = {}): Promise<World> {
  return World.create(options)
}
