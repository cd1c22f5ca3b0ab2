// SPDX-License-Identifier: Apache-2.0
// Walks the pods and the hooks in rounds, and visits one pod at once when its namespace was changed.

import type { Logger } from 'pino'
import { NativeError } from '#native'
import { causeText } from '../errors/error.ts'
import type { KubeletExemption } from '../kubelet/exemption.ts'
import type { PodUid } from '../pods/pod.ts'
import type { Fact, Roster } from '../pods/roster.ts'
import { isSteered } from '../pods/state.ts'
import type { Verifier } from '../reconcile/verifier.ts'
import type { KernelSide } from './kernel-side.ts'
import { Visits } from './visits.ts'

export interface PatrolOptions {
  readonly kernel: KernelSide
  readonly verifier: Verifier
  readonly roster: Roster
  /** Undefined: probes go through ztunnel. */
  readonly kubelet: Pick<KubeletExemption, 'refresh'> | undefined
  /** Every pod has its entry again; what pods without one did meanwhile no event has told of. */
  readonly onRoom: () => void
  readonly onVerified: (uid: PodUid) => void
  readonly log: Logger
}

export class Patrol {
  readonly #options: PatrolOptions
  readonly #visits: Visits
  #walking = false
  #closed = false

  constructor(options: PatrolOptions) {
    this.#options = options
    const visit = (uid: PodUid) => this.#try(() => this.#verify(uid))
    this.#visits = new Visits(visit, () => performance.now())
  }

  /** A round that is still under way is not joined by another. */
  round(): void {
    if (this.#walking || this.#closed) return
    this.#walking = true
    void this.#walk().finally(() => {
      this.#walking = false
    })
  }

  /** At once, unless the pod is visited too often; a change during the visit is looked at in one more. */
  visit(uid: PodUid): void {
    if (!this.#closed) void this.#visits.make(uid)
  }

  /** Before the roster hears it; the visit is made when it has. */
  hear(fact: Fact): void {
    if (fact.kind === 'answer' && fact.input.kind === 'enrolled') this.visit(fact.uid)
    if (fact.kind !== 'pod') return
    const former = this.#options.roster.find(fact.pod.uid)?.pod
    if (former !== undefined && former.ips.join() !== fact.pod.ips.join()) this.visit(fact.pod.uid)
  }

  close(): void {
    this.#closed = true
  }

  /** What cannot be verified now keeps nothing else from it. */
  async #walk(): Promise<void> {
    const { kernel, verifier, kubelet, roster } = this.#options
    await this.#try(() => {
      for (const { kind, what } of kernel.mend()) verifier.note(kind, what)
    })
    await this.#try(() => kubelet?.refresh())
    await this.#try(() => this.#verifyEntries())
    await this.#try(() => this.#verifyRoom())
    for (const { uid } of roster.states.filter(isSteered)) {
      if (!this.#closed) await this.#visits.make(uid)
    }
    this.#visits.tidy()
    verifier.settle()
  }

  async #try(work: () => Promise<void> | void | undefined): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#options.log.error({ err: causeText(error) }, 'verification is incomplete')
    }
  }

  /** Without room the entry is for the next round, and what is held meanwhile is told of once for all. */
  #verifyEntries(): void {
    const { kernel, roster, verifier } = this.#options
    const found = kernel.entries.snapshot()
    for (const state of roster.states) {
      try {
        verifier.verifyEntries(state, found)
      } catch (error) {
        if (!(error instanceof NativeError && error.code === 'SLUICE_NATIVE_EBPF_MAP_FULL')) throw error
      }
    }
  }

  async #verify(uid: PodUid): Promise<void> {
    const state = this.#options.roster.find(uid)
    if (this.#closed || state === undefined || !isSteered(state)) return
    if (await this.#options.verifier.verify(state)) this.#options.onVerified(uid)
  }

  /** Once every pod has its entry, pods without one are no pods of ours again. */
  #verifyRoom(): void {
    const { kernel, roster, log } = this.#options
    const overflow = kernel.overflow
    if (overflow === 0n) return
    const missing = roster.states.filter(
      ({ cgroup }) => cgroup !== undefined && kernel.entries.read(cgroup.id).verdict === 'none'
    )
    if (missing.length > 0) {
      const sentence = 'map of pods is full: pods without an entry are held; raise maxPods'
      log.error({ pods: missing.length }, sentence)
      return
    }
    kernel.clearOverflow()
    this.#options.onRoom()
  }
}
