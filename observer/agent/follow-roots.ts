// SPDX-License-Identifier: Apache-2.0
// Where pods lie, and the hooks there.

import type { Logger } from 'pino'
import type { Kubepods } from '../processes/kubepods.ts'
import type { CgroupRoot } from '../processes/roots.ts'

export interface RootParts {
  readonly kubepods: Pick<Kubepods, 'refresh'>
  readonly kernel: { follow(roots: readonly CgroupRoot[]): void }
  readonly log: Pick<Logger, 'info'>
}

export class Roots {
  readonly #parts: RootParts
  #followed: ReadonlySet<bigint> | undefined

  constructor(parts: RootParts) {
    this.#parts = parts
  }

  /**
   * Looks for the roots until no more come: the kernel tells of a QoS class only when its root was known before it
   * was made.
   * @returns whether they are others than the last time
   * @throws SluiceError SLUICE_ERR_CGROUP_ROOT, SLUICE_ERR_CGROUP_PER_QOS, SLUICE_ERR_HOOKS_ATTACH; what was known
   * stays known, and the next call tries again
   */
  async follow(): Promise<boolean> {
    const { kubepods, kernel, log } = this.#parts
    let roots = await kubepods.refresh()
    if (!this.#areOthers(roots)) return false
    while (this.#areOthers(roots)) {
      kernel.follow(roots)
      this.#followed = new Set(roots.map(({ id }) => id))
      roots = await kubepods.refresh()
    }
    const paths = roots.map(({ path }) => path)
    log.info({ roots: paths }, paths.length > 0 ? 'pods are looked for' : 'no kubepods yet')
    return true
  }

  #areOthers(roots: readonly CgroupRoot[]): boolean {
    const ids = new Set(roots.map(({ id }) => id))
    return this.#followed === undefined || this.#followed.symmetricDifference(ids).size > 0
  }
}
