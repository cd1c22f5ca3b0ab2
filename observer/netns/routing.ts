// SPDX-License-Identifier: Apache-2.0
// The rules, routes and sysctls that the agent has made in a network namespace: made, compared, taken back. What has
// our protocol number is ours, whoever of us made it.

import type { Netns } from '#native'
import { SluiceError } from '../errors/error.ts'
import { type Drift, driftOf, type Found, surplusOf } from './drift.ts'
import type { Inspection, Inspector, Verified } from './inspection.ts'
import { applying, type NetnsPlan, type Steering } from './plan.ts'
import { removeTraces, tracesIn } from './traces.ts'

export class Routing {
  readonly #netns: Pick<Netns, 'run'>
  readonly #steering: Steering
  readonly #inspector: Pick<Inspector, 'look' | 'doubt'>
  #plan: NetnsPlan | undefined
  /** Sysctls that were changed here, with the values that they had. */
  #changed: NetnsPlan['sysctls'] = []

  constructor(netns: Pick<Netns, 'run'>, steering: Steering, inspector: Pick<Inspector, 'look' | 'doubt'>) {
    this.#netns = netns
    this.#steering = steering
    this.#inspector = inspector
  }

  /**
   * What is there already stays; what is ours and not planned any more goes.
   * @param adopted a former agent made it: the settings that it found are taken to be the kernel's defaults
   * @returns what an adopted namespace lacked
   * @throws SluiceError SLUICE_ERR_NETNS_PREPARE
   */
  async make(plan: NetnsPlan, adopted: boolean): Promise<readonly Drift[]> {
    this.#inspector.doubt()
    const found = adopted || this.#plan !== undefined ? await this.#find(plan) : undefined
    if (adopted && this.#plan === undefined) this.#changed = kernelDefaults(plan)
    this.#plan = plan
    await this.#apply(plan)
    if (found === undefined) return []
    await this.#removeSurplus(plan, found)
    return adopted ? driftOf(plan, found) : []
  }

  /** What is no longer as planned; mended on the way out. */
  async mend(): Promise<Verified> {
    const plan = this.#plan
    if (plan === undefined) return { drift: [], found: await this.#inspector.look([]) }
    const found = await this.#find(plan)
    const drift = driftOf(plan, found)
    if (drift.length > 0) await this.#apply(plan)
    await this.#removeSurplus(plan, found)
    return { drift, found }
  }

  /** @param plan what would be made: for the names of the sysctls that a former agent changed */
  async undo(plan: NetnsPlan): Promise<void> {
    this.#inspector.doubt()
    const traces = await tracesIn(this.#netns, this.#steering)
    if (this.#plan === undefined && traces === undefined) return
    const sysctls = this.#plan === undefined ? kernelDefaults(plan) : this.#changed
    await removeTraces(this.#netns, traces ?? { rules: [], routes: [] }, sysctls)
    this.#plan = undefined
    this.#changed = []
  }

  #find({ sysctls }: NetnsPlan): Promise<Inspection> {
    return this.#inspector.look(sysctls.map(({ name }) => name))
  }

  async #removeSurplus(plan: NetnsPlan, found: Found): Promise<void> {
    const { rules, routes } = surplusOf(plan, found, this.#steering.protocol)
    if (rules.length + routes.length === 0) return
    this.#inspector.doubt()
    await removeTraces(this.#netns, { rules, routes }, [])
  }

  async #apply(plan: NetnsPlan): Promise<void> {
    this.#inspector.doubt()
    try {
      const results: readonly unknown[] = await this.#netns.run(applying(plan))
      const former = results.slice(-plan.sysctls.length)
      const changed = plan.sysctls.flatMap(({ name, value }, index) => {
        const before = former[index]
        return typeof before === 'string' && before !== value ? [{ name, value: before }] : []
      })
      this.#changed = [
        ...this.#changed,
        ...changed.filter(({ name }) => !this.#changed.some((c) => c.name === name))
      ]
    } catch (error) {
      throw new SluiceError('SLUICE_ERR_NETNS_PREPARE', {}, error)
    }
  }
}

function kernelDefaults({ sysctls }: NetnsPlan): NetnsPlan['sysctls'] {
  return sysctls.map(({ name }) => ({ name, value: '0' }))
}
