// SPDX-License-Identifier: Apache-2.0
// What hooks refuse, with the names of the pods that it concerns.

import type { Logger } from 'pino'
import type { Observable } from 'rxjs'
import type { RefusalEntry } from '../control/protocol.ts'
import { addressOf } from '../maps/address.ts'
import { podRef } from '../pods/pod.ts'
import type { PodState } from '../pods/state.ts'
import { followRefusals } from '../refusals/follow.ts'
import { RefusalJournal } from '../refusals/journal.ts'
import { KernelRefusals } from '../refusals/kernel-refusals.ts'
import type { Refusal } from '../refusals/refusal.ts'
import type { KernelSide } from './kernel-side.ts'

export class Refused {
  readonly #kernel: KernelSide
  readonly #states: () => readonly PodState[]
  readonly #refusals: KernelRefusals
  readonly #journal: RefusalJournal

  constructor(kernel: KernelSide, states: () => readonly PodState[], log: Logger) {
    this.#kernel = kernel
    this.#states = states
    this.#refusals = new KernelRefusals(kernel.refusals.map, kernel.refusals.layout)
    this.#journal = new RefusalJournal({
      log,
      now: Date.now,
      podOf: (refusal) => this.#podOf(refusal),
      podAt: (address) => this.#podAt(address),
      counters: () => kernel.counters(),
      flush: () => this.#refusals.flush()
    })
  }

  /** The latest first. */
  get recent(): readonly RefusalEntry[] {
    return this.#journal.recent
  }

  /** Logs while it is subscribed to. */
  follow(): Observable<unknown> {
    return followRefusals(this.#refusals.refusals$, this.#journal)
  }

  #podOf({ netns, cgroup }: Refusal): string | undefined {
    const states = this.#states()
    return nameOf(
      states.find((state) => state.netns === netns) ??
        states.find((state) => state.cgroup !== undefined && state.cgroup?.id === cgroup)
    )
  }

  #podAt(address: string): string | undefined {
    const netns = this.#kernel.maps.addr_netns.get(addressOf(address))
    return nameOf(
      this.#states().find((state) =>
        netns === undefined ? state.pod?.ips.includes(address) : state.netns === netns
      )
    )
  }
}

function nameOf(state: PodState | undefined): string | undefined {
  return state === undefined || state.pod === undefined ? state?.uid : podRef(state.pod)
}
