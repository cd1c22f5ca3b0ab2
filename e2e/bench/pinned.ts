// SPDX-License-Identifier: Apache-2.0
// The agent's maps and links, looked at from outside: cheap enough to poll, and no work for the agent.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { layout, type Pod as PodEntry, verdict } from '#contract'
import { BpfMap, Link } from '#native'
import { pinPaths } from '../../observer/maps/pin-paths.ts'
import { mountPoint } from '../world/mounts.ts'

/** Neither a cgroup id nor a cookie of this machine is so large. */
const SYNTHETIC = 1n << 40n

export class Pinned {
  readonly #links: string
  readonly #cgroups: BpfMap<bigint, PodEntry>
  readonly #netns: BpfMap<bigint, PodEntry>
  #filled: readonly bigint[] = []

  private constructor(maps: string, links: string) {
    this.#links = links
    this.#cgroups = BpfMap.openPinned(join(maps, 'cgroup_pod'))
    this.#netns = BpfMap.openPinned(join(maps, 'netns_pod'))
  }

  /** Undefined until the agent has made its maps. */
  static open(pinDirectory: string): Pinned | undefined {
    const { maps, links } = pinPaths({ bpffs: mountPoint('bpf'), pinDirectory })
    return ['cgroup_pod', 'netns_pod'].every((name) => existsSync(join(maps, name)))
      ? new Pinned(maps, links)
      : undefined
  }

  /** When the pod was enrolled, in ns of CLOCK_MONOTONIC; undefined: it is not. */
  steeredSince(cgroup: bigint): bigint | undefined {
    const entry = this.#cgroups.get(cgroup)
    return entry?.verdict === verdict.VERDICT_STEER ? entry.since : undefined
  }

  /** The same for every pod that is enrolled. */
  get steered(): readonly bigint[] {
    const entries = this.#cgroups.entries().map(([, entry]) => entry)
    return entries.filter((entry) => entry.verdict === verdict.VERDICT_STEER).map(({ since }) => since)
  }

  /** Adds pods that do not exist until both maps hold `count` entries at least. */
  fill(count: number): void {
    this.empty()
    const missing = Math.max(0, count - this.#cgroups.keys().length)
    this.#filled = Array.from({ length: missing }, (_, index) => SYNTHETIC + BigInt(index))
    const entries = this.#filled.map((id) => [id, synthetic(id)] as const)
    this.#netns.setBatch(entries)
    this.#cgroups.setBatch(entries)
  }

  empty(): void {
    this.#cgroups.deleteBatch(this.#filled)
    this.#netns.deleteBatch(this.#filled)
    this.#filled = []
  }

  /** Ids of the attached programs by name; `lookup` is that of one namespace. */
  programs(netns: bigint): ReadonlyMap<string, number> {
    const found = new Map<string, number>()
    for (const name of readdirSync(this.#links)) {
      const [program = '', of] = name.split('@')
      if (program === 'lookup' && of !== String(netns)) continue
      using link = Link.openPinned(join(this.#links, name))
      found.set(program, link.info().programId)
    }
    return found
  }

  close(): void {
    this.#cgroups.close()
    this.#netns.close()
  }
}

function synthetic(id: bigint): PodEntry {
  const word = [0, 0, 0xffff, Number(id & 0xffff_ffffn)]
  return {
    version: layout.LAYOUT_VERSION,
    verdict: verdict.VERDICT_STEER,
    flags: 0,
    cgroup: id,
    netns: id,
    since: 0n,
    ip: [{ word }, { word: [0, 0, 0, 0] }]
  }
}

/** The id of a cgroup is its inode. */
export function cgroupId(path: string): bigint {
  return statSync(path, { bigint: true }).ino
}
