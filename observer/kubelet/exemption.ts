// SPDX-License-Identifier: Apache-2.0
// Keeps the kubelet's probes exempt: finds its cgroup, and finds it again when the service is restarted.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { causeText } from '../errors/error.ts'
import { inodeOf } from '../hooks/attachment.ts'
import type { CgroupHooks } from '../hooks/cgroup-hooks.ts'
import type { Kubepods } from '../processes/kubepods.ts'
import type { Cgroup2 } from '../processes/roots.ts'
import { kubeletCgroups, programsIn, requireOwnCgroup, sharedBy } from './find.ts'

export interface ExemptionOptions {
  /** Below the cgroup2 mount; undefined: found by the kubelet's process. */
  readonly cgroup: string | undefined
  readonly cgroup2: Pick<Cgroup2, 'path' | 'namespace'>
  readonly kubepods: Pick<Kubepods, 'roots'>
  /** Inode of the node's own network namespace. */
  readonly hostInode: number
  readonly hooks: Pick<CgroupHooks, 'attachKubelet' | 'detachKubelet'>
  readonly log: Logger
}

interface Exempted {
  readonly path: string
  readonly id: bigint
  /** Every process there ran it. */
  readonly program: string | undefined
}

export class KubeletExemption {
  readonly #options: ExemptionOptions
  #attached: Exempted | undefined
  #told: string | undefined
  #problem: string | undefined
  /** Processes of other programs, by the last look. */
  #joined: ReadonlySet<number> = new Set()

  constructor(options: ExemptionOptions) {
    this.#options = options
  }

  /** The cgroup whose connections are exempt now. */
  get cgroup(): string | undefined {
    return this.#attached?.path
  }

  /** Why its probes are not exempt though a kubelet is there. */
  get problems(): readonly string[] {
    return this.#problem === undefined ? [] : [this.#problem]
  }

  /** Attaches where the kubelet is now; says once why it cannot. */
  async refresh(): Promise<void> {
    try {
      const path = await this.#locate()
      if (path === undefined) return this.#miss()
      const id = inodeOf(path)
      if (this.#attached?.id === id) return await this.#requireAlone(this.#attached)
      await requireOwnCgroup(path, this.#options.cgroup2.path, this.#options.kubepods.roots)
      this.#options.hooks.attachKubelet(path)
      const [program] = (await programsIn(path)).values()
      this.#attached = { path, id, program }
      this.#joined = new Set()
      this.#told = undefined
      this.#options.log.info({ cgroup: path }, 'probes of the kubelet pass ztunnel by')
      this.#problem = undefined
    } catch (error) {
      this.#forget()
      this.#problem = `probes of the kubelet are not exempt: ${causeText(error)}`
      this.#say(causeText(error))
    }
  }

  /**
   * The kubelet itself runs mount and the like for a moment: who is there in two looks has come to stay.
   * @throws SluiceError SLUICE_ERR_KUBELET_SHARED
   */
  async #requireAlone({ path, program }: Exempted): Promise<void> {
    const programs = await programsIn(path)
    const [first] = programs.values()
    const others = [...programs].filter(([, executable]) => executable !== (program ?? first))
    const staying = others.filter(([pid]) => this.#joined.has(pid))
    this.#joined = new Set(others.map(([pid]) => pid))
    if (staying.length > 0) throw sharedBy(path, programs.values())
  }

  async #locate(): Promise<string | undefined> {
    const { cgroup, cgroup2, hostInode, kubepods } = this.#options
    const paths =
      cgroup === undefined
        ? await kubeletCgroups({ cgroup2, hostInode, roots: kubepods.roots })
        : [join(cgroup2.path, cgroup)]
    // Somebody at a shell may run another one for a moment.
    const kept = paths.find((path) => path === this.#attached?.path)
    return [kept, ...paths].find((path) => path !== undefined && existsSync(path))
  }

  /** A kubelet that restarts comes back to its cgroup. What a former agent took for one's is nobody's. */
  #miss(): void {
    if (this.#attached === undefined) this.#options.hooks.detachKubelet()
    this.#say('no kubelet runs here: probes go through ztunnel')
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
