// SPDX-License-Identifier: Apache-2.0
// What the kernel maps hold that is not one pod's: what the hooks may do, and where pods lie.

import { existsSync, statSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { nested_netns, type Settings } from '#contract'
import type { Config } from '../config/schema.ts'
import type { CgroupRoot } from '../processes/roots.ts'
import { addressOf } from './address.ts'
import type { KernelMaps } from './kernel-maps.ts'
import { declareMode, isDeclared } from './mode.ts'
import { addressKey } from './pod-snapshot.ts'

const ONLY = 0

type Maps = Pick<KernelMaps, 'settings' | 'mode' | 'cgroup_root' | 'node_addr'>
export type NodeWishes = Pick<Config, 'mode' | 'strict' | 'nestedNetns' | 'kubelet'>

export class NodeEntries {
  readonly #maps: Maps
  readonly #wishes: NodeWishes
  #roots: readonly CgroupRoot[] = []

  constructor(maps: Maps, wishes: NodeWishes) {
    this.#maps = maps
    this.#wishes = wishes
  }

  /** @param roots as `withinReach` chose them */
  write(roots: readonly CgroupRoot[]): void {
    this.#roots = roots
    declareMode(this.#maps.mode, this.#wishes.mode)
    this.#maps.settings.set(ONLY, this.#settings)
    this.#mendProbers()
  }

  /** Children of that root are pods from now on. */
  writeRoot({ id, level }: CgroupRoot): void {
    this.#maps.cgroup_root.set(id, { pod_level: level + 1 })
  }

  /** Writes again what somebody else changed; returns what that was. */
  mend(): readonly string[] {
    const wrong: string[] = []
    if (!isDeepStrictEqual(this.#maps.settings.get(ONLY), this.#settings)) wrong.push('settings')
    if (!isDeclared(this.#maps.mode, this.#wishes.mode)) wrong.push('mode')
    if (this.#mendProbers()) wrong.push('addresses of probes')
    if (wrong.length > 0) this.write(this.#roots)
    const lost = this.#roots.filter(
      (root) => isThere(root) && this.#maps.cgroup_root.get(root.id)?.pod_level !== root.level + 1
    )
    for (const root of lost) this.writeRoot(root)
    return [...wrong, ...lost.map(({ path }) => `kubepods root ${path}`)]
  }

  /** @returns whether they were others */
  #mendProbers(): boolean {
    const { node_addr } = this.#maps
    const wanted = this.#wishes.kubelet.addresses.map(addressOf)
    const keys = wanted.map(addressKey)
    const found = node_addr.keys()
    const surplus = found.filter((addr) => !keys.includes(addressKey(addr)))
    node_addr.deleteBatch(surplus)
    for (const addr of wanted) node_addr.set(addr, 1)
    return surplus.length > 0 || found.length !== new Set(keys).size
  }

  get #settings(): Settings {
    const levels = this.#roots.map(({ level }) => level + 1)
    return {
      strict: this.#wishes.strict ? 1 : 0,
      nested: this.#wishes.nestedNetns === 'pass' ? nested_netns.NESTED_PASS : nested_netns.NESTED_REFUSE,
      pod_level_min: levels.length === 0 ? 0 : Math.min(...levels),
      pod_level_max: levels.length === 0 ? 0 : Math.max(...levels)
    }
  }
}

function isThere({ path, id }: CgroupRoot): boolean {
  return existsSync(path) && statSync(path, { bigint: true }).ino === id
}
