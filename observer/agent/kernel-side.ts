// SPDX-License-Identifier: Apache-2.0
// Everything in the kernel that is not one pod's: loaded, attached, and told what it must know.

import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { hrtime } from 'node:process'
import { counter, pod_limits } from '#contract'
import type { BpfMap, Layout } from '#native'
import type { Config } from '../config/schema.ts'
import { SluiceError } from '../errors/error.ts'
import { inodeOf } from '../hooks/attachment.ts'
import { buildOf } from '../hooks/build.ts'
import { CgroupHooks } from '../hooks/cgroup-hooks.ts'
import { Lookups } from '../hooks/lookups.ts'
import { type LoadedHooks, loadHooks } from '../hooks/objects.ts'
import { type RoleCgroup, Roles } from '../hooks/roles.ts'
import { counterSum, namedCounters } from '../maps/counters.ts'
import type { KernelMaps } from '../maps/kernel-maps.ts'
import { isPaused, type Mode } from '../maps/mode.ts'
import { NodeEntries } from '../maps/node-entries.ts'
import type { PinPaths } from '../maps/pin-paths.ts'
import { requireOnlyLayout } from '../maps/pinned-layout.ts'
import { MORE_ADDRESSES, PodEntries } from '../maps/pod-entries.ts'
import { PROBE_PORTS } from '../pods/pod.ts'
import { withinReach } from '../processes/reach.ts'
import type { Cgroup2, CgroupRoot } from '../processes/roots.ts'
import type { ZtunnelInfo } from '../ztunnel/workload.ts'
import type { Node } from './node.ts'

const NS_PER_MS = 1_000_000n
const ONLY = 0

export interface Mended {
  readonly kind: 'pin' | 'hook' | 'entry'
  readonly what: string
}

export class KernelSide {
  /** Of the programs that it attaches. */
  readonly build: string
  readonly maps: KernelMaps
  readonly entries: PodEntries
  readonly lookups: Lookups
  readonly cgroups: CgroupHooks
  readonly #hooks: LoadedHooks
  readonly #roles: Roles
  readonly #config: Config
  readonly #pins: PinPaths
  readonly #node: NodeEntries
  #unreached: readonly CgroupRoot[] = []
  readonly #ztunnels = new Map<bigint, string>()

  /**
   * @param directory of the built kernel objects
   * @throws SluiceError SLUICE_ERR_PINS_LAYOUT, SLUICE_ERR_PINS_MAPS, before anything is attached
   */
  constructor(directory: string, pins: PinPaths, node: Node, config: Config) {
    requireOnlyLayout(pins)
    this.build = buildOf(directory)
    for (const path of [pins.maps, pins.links]) mkdirSync(path, { recursive: true })
    mkdirSync(dirname(config.controlSocket), { recursive: true })
    const { steering, heartbeatStale, maxPods, maxConnections, ringBufferBytes } = config
    this.#config = config
    this.#pins = pins
    this.#hooks = loadHooks(
      directory,
      pins.maps,
      {
        host_netns: node.hostNetns.cookie,
        steer_mark: steering.mark,
        steer_mask: steering.mask,
        heartbeat_stale_ns: BigInt(heartbeatStale) * NS_PER_MS,
        looks_for_roots: config.cgroupRoots.length === 0 ? 1 : 0
      },
      {
        cgroup_pod: maxPods,
        netns_pod: maxPods,
        pod_stat: maxPods,
        pod_record: maxPods,
        own_addr: maxPods * MORE_ADDRESSES,
        addr_netns: maxPods * 2,
        listener: maxPods * 12,
        latest: maxPods * 4,
        seen_netns: maxPods * 2,
        probe_port: maxPods * PROBE_PORTS,
        probe_stat: maxPods,
        exempt: maxConnections,
        exempt_probe: maxPods * 4,
        events: ringBufferBytes
      }
    )
    this.maps = this.#hooks.maps
    this.entries = new PodEntries(this.maps)
    this.lookups = new Lookups(this.#hooks.objects.lookup.program('lookup'), pins.links)
    this.cgroups = new CgroupHooks(this.#hooks.objects, pins.links)
    this.#roles = new Roles(this.maps.role)
    this.#node = new NodeEntries(this.maps, config)
  }

  get events(): { readonly map: BpfMap; readonly layout: Layout } {
    const { observe } = this.#hooks.objects
    return { map: observe.map('events'), layout: observe.layout('event') }
  }

  /**
   * The depth of the mounted directory, where its inode does not tell it.
   * @throws SluiceError SLUICE_ERR_CGROUP_PLACE
   */
  levelled(cgroup2: Cgroup2): Cgroup2 {
    if (cgroup2.level !== undefined) return cgroup2
    const ctx = new Uint8Array(new BigUint64Array([inodeOf(cgroup2.path)]).buffer)
    const { retval } = this.#hooks.objects.level.program('level_of').testRun({ ctx })
    if (retval === 0) throw new SluiceError('SLUICE_ERR_CGROUP_PLACE', { path: cgroup2.path })
    return { ...cgroup2, level: retval - 1 }
  }

  get refusals(): { readonly map: BpfMap; readonly layout: Layout } {
    const { connect } = this.#hooks.objects
    return { map: connect.map('refusals'), layout: connect.layout('refusal') }
  }

  beat(): void {
    this.maps.heartbeat.set(ONLY, hrtime.bigint())
  }

  /** What hooks may do, by the operator's word and by the configuration. */
  get mode(): { readonly mode: Mode; readonly paused: boolean } {
    return { mode: this.#config.mode, paused: isPaused(this.maps.mode) }
  }

  /** Says what hooks may do and where pods lie, and attaches the hooks there. Roots come before the tracepoints that look for them. */
  follow(roots: readonly CgroupRoot[]): void {
    const { near, far } = withinReach(roots)
    this.#unreached = far
    this.#node.write(near)
    for (const root of near.toSorted((a, b) => a.level - b.level)) {
      this.cgroups.attachRoot(root.path)
      this.#node.writeRoot(root)
    }
  }

  /** Why the node is not served as it should be. */
  get problems(): readonly string[] {
    const far = this.#unreached.map(
      ({ path }) =>
        new SluiceError('SLUICE_ERR_CGROUP_DEPTH', { path, levels: pod_limits.POD_LEVELS }).message
    )
    return [...this.cgroups.problems, ...far]
  }

  /** Puts back what somebody else changed of what is not one pod's. */
  mend(): readonly Mended[] {
    const pins = this.#mendPins()
    return [
      ...pins.map((what): Mended => ({ kind: 'pin', what })),
      ...this.cgroups.mend().map((what): Mended => ({ kind: 'hook', what })),
      ...this.#node.mend().map((what): Mended => ({ kind: 'entry', what })),
      ...this.#roles.mend().map((name): Mended => ({ kind: 'entry', what: `role of ${name}` }))
    ]
  }

  /** Without them the next agent would begin with empty maps. */
  #mendPins(): readonly string[] {
    for (const path of [this.#pins.maps, this.#pins.links]) mkdirSync(path, { recursive: true })
    const maps: Readonly<Record<string, BpfMap>> = { ...this.maps, events: this.events.map }
    const lost = Object.entries(maps).filter(([name]) => !existsSync(join(this.#pins.maps, name)))
    for (const [name, map] of lost) map.pin(join(this.#pins.maps, name))
    return lost.map(([name]) => `map ${name}`)
  }

  observe(processEvents: boolean): void {
    if (processEvents) this.cgroups.attachTracing()
    else this.cgroups.detachTracing()
  }

  /** What the kernel says of a pod cgroup now. */
  read(cgroup: bigint) {
    const { verdict, netns } = this.entries.read(cgroup)
    const unfitted = verdict === 'none' && this.overflow > 0n
    return {
      verdict: unfitted ? ('unknown' as const) : verdict,
      netns,
      prepared: netns !== undefined && this.lookups.has(netns)
    }
  }

  /** The agent asks the API server and resolvers while everything is held. */
  exemptAgent(cgroup: RoleCgroup): void {
    this.#roles.grant('agent', cgroup)
  }

  /** Before ztunnel is told of a pod: its listeners and connections make themselves known. */
  admitZtunnel({ cgroup }: ZtunnelInfo): void {
    this.cgroups.attachZtunnel(cgroup.path)
    this.#roles.grant('ztunnel', cgroup)
    this.#ztunnels.set(cgroup.id, cgroup.path)
  }

  /**
   * Frees what belonged to cgroups that are gone.
   * @param living cgroups that are there, of pods and the configured one: a ztunnel that came to an agent before this
   *   one is known by its id alone
   */
  sweep(exists: (path: string) => boolean, living: ReadonlySet<bigint>): void {
    this.cgroups.sweep()
    this.#roles.sweep((id) => {
      const path = this.#ztunnels.get(id)
      return path === undefined ? living.has(id) : exists(path)
    })
  }

  /** By the names of enum counter, in lower case without COUNT_. */
  counters(): Record<string, number> {
    return namedCounters(counter, (index) => counterSum(this.maps.counter, index))
  }

  /** Events that found the ring buffer full, since the maps were made. */
  get eventsLost(): number {
    return this.#sum(counter.COUNT_EVENTS_LOST)
  }

  /** Connections of ztunnel that the map of exemptions could not take, since the maps were made. */
  get unexempted(): number {
    return this.#sum(counter.COUNT_EXEMPT_FAILED)
  }

  /** Pods that the map could not take; hooks hold every pod without an entry until it is cleared. */
  get overflow(): bigint {
    return this.maps.overflow.get(ONLY) ?? 0n
  }

  clearOverflow(): void {
    this.maps.overflow.set(ONLY, 0n)
  }

  /** The programs stay attached. */
  close(): void {
    this.lookups.close()
    this.cgroups.close()
    this.#hooks.close()
  }

  #sum(index: number): number {
    return Number(counterSum(this.maps.counter, index))
  }
}
