// SPDX-License-Identifier: Apache-2.0
// Who listens for a pod, as the kernel has it, over time: the listener map outlives agents and ztunnels.

import { join } from 'node:path'
import { type ListenerKey, listener_slot, ztunnel_port } from '#contract'
import { BpfMap, BpfObject } from '#native'

/** ztunnel; the agent's parked listener, which lets SYNs wait; both; nobody, so that SYNs are refused. */
export type Presence = 'both' | 'ztunnel' | 'parked' | 'nobody'

const CONTRACT = join(import.meta.dirname, '../../build/kernel/contract.bpf.o')
const PORTS = [ztunnel_port.ZTUNNEL_OUTBOUND, ztunnel_port.ZTUNNEL_INBOUND, ztunnel_port.ZTUNNEL_HBONE]
const LOOK_MS = 10

/** It came between two looks. */
interface Change {
  readonly after: number
  readonly before: number
  readonly to: Presence
}

export class Presences {
  readonly #map: BpfMap<ListenerKey, bigint>
  readonly #cookies = new Map<string, bigint>()
  readonly #changes = new Map<string, Change[]>()
  readonly #timer: NodeJS.Timeout
  #lookedAt = Date.now()

  /** @param maps directory of the pinned maps */
  constructor(maps: string) {
    // The kernel keeps no types of socket maps.
    const keyType = BpfObject.describe(CONTRACT).types.listener_key
    if (keyType === undefined) throw new Error('struct listener_key: not in the contract')
    this.#map = BpfMap.openPinned<ListenerKey, bigint>(join(maps, 'listener'), { keyType })
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  follow(pod: string, cookie: bigint): void {
    this.#cookies.set(pod, cookie)
  }

  forget(pod: string): void {
    this.#cookies.delete(pod)
  }

  now(pod: string): Presence {
    const netns = this.#cookies.get(pod)
    if (netns === undefined) return 'nobody'
    const has = (slot: number) => PORTS.every((port) => this.#map.get({ netns, port, slot }) !== undefined)
    const parked = has(listener_slot.SLOT_PARKED)
    if (has(listener_slot.SLOT_ZTUNNEL) || has(listener_slot.SLOT_UPGRADE)) return parked ? 'both' : 'ztunnel'
    return parked ? 'parked' : 'nobody'
  }

  /** Whether ztunnel listens for the pod now. */
  serves(pod: string): boolean {
    const presence = this.now(pod)
    return presence === 'ztunnel' || presence === 'both'
  }

  /** Whether nobody may have been there at some time from `from` to `to`. */
  lacked(pod: string, from: number, to: number): boolean {
    // A connection is judged as it ends, which may be before the next look.
    this.#look()
    const changes = this.#changes.get(pod) ?? []
    return changes.some(({ after, before, to: presence }, index) => {
      const until = changes[index + 1]?.before ?? Number.POSITIVE_INFINITY
      if (presence === 'nobody') return after <= to && until >= from
      // One alone gave way to the other alone between two looks: perhaps with a moment without either.
      const former = changes[index - 1]?.to
      const swapped = [former, presence].every((each) => each === 'ztunnel' || each === 'parked')
      return swapped && after <= to && before >= from
    })
  }

  #look(): void {
    const after = this.#lookedAt
    this.#lookedAt = Date.now()
    for (const pod of this.#cookies.keys()) {
      const changes = this.#changes.get(pod) ?? []
      const presence = this.now(pod)
      if (changes.at(-1)?.to === presence) continue
      changes.push({ after, before: Date.now(), to: presence })
      this.#changes.set(pod, changes)
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#map.close()
  }
}
