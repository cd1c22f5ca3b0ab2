// SPDX-License-Identifier: Apache-2.0
// Who listens for a pod, as the kernel has it, over time: the listener map outlives agents and ztunnels.

import { join } from 'node:path'
import { type ListenerKey, listener_slot, ztunnel_port } from '#contract'
import { BpfMap, BpfObject } from '#native'

/** ztunnel; the agent's parked listener, which lets SYNs wait; nobody, so that SYNs are refused. */
export type Presence = 'ztunnel' | 'parked' | 'nobody'

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
    if (has(listener_slot.SLOT_ZTUNNEL) || has(listener_slot.SLOT_UPGRADE)) return 'ztunnel'
    return has(listener_slot.SLOT_PARKED) ? 'parked' : 'nobody'
  }

  /** All that was there at some time from `from` to `to`, as far as anybody looked. */
  during(pod: string, from: number, to: number): ReadonlySet<Presence> {
    const changes = this.#changes.get(pod) ?? []
    const there = changes.filter(({ after }, index) => {
      const until = changes[index + 1]?.before ?? Number.POSITIVE_INFINITY
      return after <= to && until >= from
    })
    return new Set(there.map(({ to: presence }) => presence))
  }

  #look(): void {
    const [after, before] = [this.#lookedAt, Date.now()]
    this.#lookedAt = before
    for (const pod of this.#cookies.keys()) {
      const changes = this.#changes.get(pod) ?? []
      const presence = this.now(pod)
      if (changes.at(-1)?.to === presence) continue
      changes.push({ after, before, to: presence })
      this.#changes.set(pod, changes)
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#map.close()
  }
}
