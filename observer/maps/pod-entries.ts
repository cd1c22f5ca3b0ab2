// SPDX-License-Identifier: Apache-2.0
// What the kernel maps hold of a pod. The one place that writes verdicts.

import { hrtime } from 'node:process'
import { type Addr, layout, type Pod as PodEntry, type PodRecord, pod_flag } from '#contract'
import { NativeError } from '#native'
import { NO_TRAITS, type Traits } from '../membership/traits.ts'
import type { Verdict } from '../pods/state.ts'
import type { Arrivals } from '../reconcile/probe-watch.ts'
import { addressOf, addressText, NO_ADDRESS } from './address.ts'
import type { KernelMaps } from './kernel-maps.ts'
import { addressKey, type PodSnapshot, podSnapshot } from './pod-snapshot.ts'
import { verdictName, verdictNumber } from './verdicts.ts'

export interface PodAddresses {
  readonly ipv4: string | undefined
  readonly ipv6: string | undefined
  /** Others of the network namespace, at most `MORE_ADDRESSES`: secondary networks, fe80::. */
  readonly more: readonly string[]
  /** Those of the two that the source names for the pod; undefined: it names none for it, or not yet. */
  readonly named?: readonly string[] | undefined
}

/** Of one pod: the map has room for as many of each, so that none takes another's. */
export const MORE_ADDRESSES = 32

export const NO_ADDRESSES: PodAddresses = { ipv4: undefined, ipv6: undefined, more: [] }

type Maps = Pick<
  KernelMaps,
  | 'addr_netns'
  | 'exempt'
  | 'exempt_probe'
  | 'latest'
  | 'cgroup_pod'
  | 'netns_pod'
  | 'own_addr'
  | 'pod_stat'
  | 'pod_record'
  | 'probe_port'
  | 'probe_stat'
  | 'seen_netns'
>

export class PodEntries {
  readonly #maps: Maps

  constructor(maps: Maps) {
    this.#maps = maps
  }

  /** What all pods' maps hold now. */
  snapshot(): PodSnapshot {
    return podSnapshot(this.#maps)
  }

  /** What the kernel says of a pod now. */
  read(cgroup: bigint): { verdict: Verdict; netns: bigint | undefined } {
    const entry = this.#maps.cgroup_pod.get(cgroup)
    if (entry === undefined) return { verdict: 'none', netns: undefined }
    return { verdict: verdictName(entry.verdict), netns: entry.netns === 0n ? undefined : entry.netns }
  }

  /** How the kernel captures a namespace now. */
  readTraits(netns: bigint): Traits {
    const flags = this.#maps.netns_pod.get(netns)?.flags ?? 0
    return {
      dns: (flags & pod_flag.POD_DNS) !== 0,
      bypassInbound: (flags & pod_flag.POD_BYPASS_INBOUND) !== 0
    }
  }

  /**
   * The namespace's entry first: a hook that finds the cgroup's entry with this namespace looks no further.
   * Full maps throw NativeError EBPF_MAP_FULL, and the pod keeps the verdict that it had.
   * @param addresses undefined: nobody has read them yet, and those that a former agent wrote stay; ztunnel may still
   *   carry connections of a pod that leaves
   */
  write(
    cgroup: bigint,
    netns: bigint | undefined,
    verdict: Exclude<Verdict, 'none'>,
    addresses?: PodAddresses,
    traits: Traits = NO_TRAITS
  ): void {
    const former =
      addresses === undefined && netns !== undefined ? this.#maps.netns_pod.get(netns) : undefined
    const { flags, ip } = former ?? placed(addresses ?? NO_ADDRESSES, traits)
    const entry: PodEntry = {
      version: layout.LAYOUT_VERSION,
      verdict: verdictNumber(verdict),
      flags,
      cgroup,
      netns: netns ?? 0n,
      since: hrtime.bigint(),
      ip
    }
    if (netns !== undefined) this.#maps.netns_pod.set(netns, entry)
    this.#maps.cgroup_pod.set(cgroup, entry)
  }

  /** Replaces the namespace's further addresses; makes the element that hooks count in. */
  writeNetns(netns: bigint, former: PodAddresses, addresses: PodAddresses): void {
    // First: both together may be more than there is room for.
    const stale = former.more.filter((ip) => !addresses.more.includes(ip))
    for (const ip of stale) this.#maps.own_addr.delete({ netns, addr: addressOf(ip) })
    for (const ip of addresses.more) this.#maps.own_addr.set({ netns, addr: addressOf(ip) }, 1)
    const lost = hostsOf(former).filter((ip) => !hostsOf(addresses).includes(ip))
    this.#releaseHosts(netns, lost.map(addressOf))
    for (const ip of hostsOf(addresses)) this.#takeHost(netns, addressOf(ip), addresses.named !== undefined)
    if (this.#maps.pod_stat.get(netns) === undefined) {
      this.#maps.pod_stat.set(netns, { steered: 0n, refused: 0n, accepted: 0n })
    }
  }

  /** Ports that the kubelet probes; those that nobody probes any more are forgotten. */
  writeProbes(netns: bigint, ports: readonly number[]): void {
    const { probe_port } = this.#maps
    const known = probe_port.keysWith('netns', netns)
    probe_port.deleteBatch(known.filter(({ port }) => !ports.includes(port)))
    for (const port of ports) {
      if (!known.some((key) => key.port === port))
        probe_port.set({ netns, port }, { passed: 0n, from: NO_ADDRESS })
    }
  }

  /** @param ports those that were written */
  probes(netns: bigint, ports: readonly number[]): Arrivals {
    const { met = 0n, translated = 0n } = this.#maps.probe_stat.get(netns) ?? {}
    if (translated === 0n) return { met, translated, passed: 0n, strangers: [] }
    const seen = ports.flatMap((port) => this.#maps.probe_port.get({ netns, port }) ?? [])
    const strangers = seen.map(({ from }) => addressText(from)).filter((ip) => ip !== undefined)
    const passed = seen.reduce((sum, probe) => sum + probe.passed, 0n)
    return { met, translated, passed, strangers: [...new Set(strangers)] }
  }

  /** As `writeNetns`, whatever others have written meanwhile. */
  rewriteNetns(netns: bigint, addresses: PodAddresses): void {
    const further = new Set(addresses.more.map((ip) => addressKey(addressOf(ip))))
    const surplus = this.#maps.own_addr
      .keysWith('netns', netns)
      .filter(({ addr }) => !further.has(addressKey(addr)))
    this.#maps.own_addr.deleteBatch(surplus)
    this.writeNetns(netns, addresses, addresses)
  }

  /** @param addresses those that were written; undefined: a former agent wrote them, and they are looked for */
  forgetNetns(netns: bigint, addresses: PodAddresses | undefined): void {
    const { own_addr, addr_netns } = this.#maps
    own_addr.deleteBatch(
      addresses === undefined
        ? own_addr.keysWith('netns', netns)
        : addresses.more.map((ip) => ({ netns, addr: addressOf(ip) }))
    )
    this.#releaseHosts(netns, addresses === undefined ? addr_netns.keys() : hostsOf(addresses).map(addressOf))
    this.#maps.pod_stat.delete(netns)
    this.#maps.probe_stat.delete(netns)
    this.writeProbes(netns, [])
    for (const key of this.#maps.latest.keysWith('netns', netns)) this.#maps.latest.delete(key)
    // A probe's socket that closes later finds nobody at its address any more.
    for (const exempt of [this.#maps.exempt, this.#maps.exempt_probe])
      exempt.deleteBatch(exempt.keysWith('netns', netns))
    this.#maps.netns_pod.delete(netns)
  }

  /** A pod may give itself the address of another, which keeps it; the source knows whom the network has given it to. */
  #takeHost(netns: bigint, addr: Addr, named: boolean): void {
    const { addr_netns, netns_pod } = this.#maps
    const holder = addr_netns.get(addr) ?? netns
    if (named || holder === netns || !hasAddress(netns_pod.get(holder), addr)) addr_netns.set(addr, netns)
  }

  /** An address that the network has given to the next pod meanwhile is that one's. */
  #releaseHosts(netns: bigint, addresses: readonly Addr[]): void {
    const { addr_netns } = this.#maps
    addr_netns.deleteBatch(addresses.filter((addr) => addr_netns.get(addr) === netns))
  }

  forget(cgroup: bigint): void {
    this.#maps.cgroup_pod.delete(cgroup)
    this.#maps.pod_record.delete(cgroup)
  }

  /** For `sluice status` without an agent, which a full map leaves without the pod's name. */
  record(cgroup: bigint, record: PodRecord): void {
    try {
      this.#maps.pod_record.set(cgroup, record)
    } catch (error) {
      if (!(error instanceof NativeError) || error.code !== 'SLUICE_NATIVE_EBPF_MAP_FULL') throw error
    }
  }

  /** A new agent is told of everything once. */
  unseeAll(): void {
    this.#maps.seen_netns.deleteBatch(this.#maps.seen_netns.keys())
  }

  /** The kernel tells of the pod's next process again. */
  unsee(cgroup: bigint): void {
    this.#maps.seen_netns.deleteBatch(this.#maps.seen_netns.keysWith('cgroup', cgroup))
  }
}

/** Where a pod is and how it is captured, as its entry says it. */
export function placed(addresses: PodAddresses, traits: Traits): Pick<PodEntry, 'flags' | 'ip'> {
  const { ipv4, ipv6 } = addresses
  return {
    flags: flagsOf(addresses, traits),
    ip: [ipv4, ipv6].map((ip) => (ip === undefined ? NO_ADDRESS : addressOf(ip)))
  }
}

function flagsOf({ more }: PodAddresses, { dns, bypassInbound }: Traits): number {
  return (
    (more.length > 0 ? pod_flag.POD_MORE_ADDRS : 0) |
    (dns ? pod_flag.POD_DNS : 0) |
    (bypassInbound ? pod_flag.POD_BYPASS_INBOUND : 0)
  )
}

/** The addresses at which the kubelet probes a pod: what the source names for it, where it names any. */
export function hostsOf({ ipv4, ipv6, named }: PodAddresses): readonly string[] {
  const both = [ipv4, ipv6].filter((ip) => ip !== undefined)
  return named === undefined ? both : both.filter((ip) => named.includes(ip))
}

/** As one of its two. */
export function hasAddress(entry: PodEntry | undefined, addr: Addr): boolean {
  return entry?.ip.some((ip) => addressKey(ip) === addressKey(addr)) ?? false
}
