// SPDX-License-Identifier: Apache-2.0
// Keeps the kubelet's probes exempt: finds its cgroup, and finds it again when the service is restarted.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { causeText } from '../errors/error.ts'
import { inodeOf } from '../hooks/attachment.ts'
import type { CgroupHooks } from '../hooks/cgroup-hooks.ts'
import type { Cgroup2 } from '../processes/roots.ts'
import { findKubelet, requireOwnCgroup } from './find.ts'

export interface ExemptionOptions {
  /** Below the cgroup2 mount; undefined: found by the kubelet's process. */
  readonly cgroup: string | undefined
  readonly cgroup2: Pick<Cgroup2, 'path' | 'namespace'>
  readonly hooks: Pick<CgroupHooks, 'attachKubelet' | 'detachKubelet'>
  readonly log: Logger
}

export class KubeletExemption {
  readonly #options: ExemptionOptions
  #attached: { readonly path: string; readonly id: bigint } | undefined
  #told: string | undefined

  constructor(options: ExemptionOptions) {
    this.#options = options
  }

  /** The cgroup whose connections are exempt now. */
  get cgroup(): string | undefined {
    return this.#attached?.path
  }

  /** Attaches where the kubelet is now; says once why it cannot. */
  async refresh(): Promise<void> {
    try {
      const path = await this.#locate()
      if (path === undefined) return this.#say('no kubelet runs here: probes go through ztunnel')
      const id = inodeOf(path)
      if (this.#attached?.id === id) return
      await requireOwnCgroup(path, this.#options.cgroup2.path)
      this.#options.hooks.attachKubelet(path)
      this.#attached = { path, id }
      this.#told = undefined
      this.#options.log.info({ cgroup: path }, 'probes of the kubelet pass ztunnel by')
    } catch (error) {
      this.#forget()
      this.#say(causeText(error))
    }
  }

  async #locate(): Promise<string | undefined> {
    const { cgroup, cgroup2 } = this.#options
    const below = cgroup ?? (await findKubelet(cgroup2))?.cgroup
    if (below === undefined) return undefined
    const path = join(cgroup2.path, below)
    return existsSync(path) ? path : undefined
  }

  /** Where it was is not where it is: nobody else there may pass. */
  #forget(): void {
    this.#options.hooks.detachKubelet()
    this.#attached = undefined
  }

  #say(reason: string): void {
    if (this.#told === reason) return
    this.#told = reason
    this.#options.log.warn({ reason }, 'probes of the kubelet are not exempt')
  }
}
