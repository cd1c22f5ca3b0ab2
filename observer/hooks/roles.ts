// SPDX-License-Identifier: Apache-2.0
// Tells the hooks whose processes are never steered and never held.

import { type Role, role_kind, role_limits } from '#contract'
import { SluiceError } from '../errors/error.ts'
import type { KernelMaps } from '../maps/kernel-maps.ts'

export interface RoleCgroup {
  readonly id: bigint
  /** The cgroup2 root is 0. */
  readonly level: number
}

export type RoleName = 'agent' | 'ztunnel'

const KINDS = { agent: role_kind.ROLE_AGENT, ztunnel: role_kind.ROLE_ZTUNNEL } as const

export class Roles {
  readonly #map: KernelMaps['role']
  readonly #granted = new Map<bigint, { readonly name: RoleName; readonly cgroup: RoleCgroup }>()

  constructor(map: KernelMaps['role']) {
    this.#map = map
  }

  /** @throws SluiceError SLUICE_ERR_HOOKS_ROLES: no element is free */
  grant(name: RoleName, cgroup: RoleCgroup): void {
    const { id, level } = cgroup
    // A node has one agent: what those before it were granted, in cgroups that are gone, would fill the map.
    if (name === 'agent') this.#free(({ kind, cgroup: other }) => kind === KINDS.agent && other !== id)
    const elements = this.#elements()
    if (!isGranted(elements, name, cgroup)) {
      const free = elements.find(({ role }) => role.cgroup === 0n || role.cgroup === id)
      if (free === undefined) throw new SluiceError('SLUICE_ERR_HOOKS_ROLES', { limit: role_limits.ROLES })
      this.#map.set(free.index, { cgroup: id, level, kind: KINDS[name] })
    }
    this.#granted.set(id, { name, cgroup })
  }

  /** Grants again what somebody else took away or changed; returns whose it was. */
  mend(): readonly RoleName[] {
    const elements = this.#elements()
    const lost = [...this.#granted.values()].filter(({ name, cgroup }) => !isGranted(elements, name, cgroup))
    for (const { name, cgroup } of lost) this.grant(name, cgroup)
    return lost.map(({ name }) => name)
  }

  /** Frees the elements of cgroups for which `exists` says no, but for this agent's own. */
  sweep(exists: (cgroup: bigint) => boolean): void {
    this.#free(({ cgroup }) => this.#granted.get(cgroup)?.name !== 'agent' && !exists(cgroup))
  }

  #free(isOver: (role: Role) => boolean): void {
    for (const { index, role } of this.#elements()) {
      if (role.cgroup === 0n || !isOver(role)) continue
      this.#granted.delete(role.cgroup)
      this.#map.set(index, { cgroup: 0n, level: 0, kind: role_kind.ROLE_NONE })
    }
  }

  #elements() {
    return Array.from({ length: role_limits.ROLES }, (_, index) => {
      const role = this.#map.get(index)
      return { index, role: role ?? { cgroup: 0n, level: 0, kind: role_kind.ROLE_NONE } }
    })
  }
}

interface Element {
  readonly role: Role
}

function isGranted(elements: readonly Element[], name: RoleName, { id, level }: RoleCgroup): boolean {
  return elements.some(({ role }) => role.cgroup === id && role.level === level && role.kind === KINDS[name])
}
