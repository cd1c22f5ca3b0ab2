// SPDX-License-Identifier: Apache-2.0
// Whom a pod's connections are handed to: ztunnel's listeners, which register themselves by listening, and one of
// the agent's own for the time in which ztunnel is away.

import { listener_slot, ztunnel_port } from '#contract'
import type { Descriptor, Listener } from '#native'
import type { KernelMaps } from '../maps/kernel-maps.ts'
import type { PodNetns } from '../netns/pod-netns.ts'
import { OpenSockets } from '../ztunnel/open-sockets.ts'
import type { ZtunnelInfo } from '../ztunnel/workload.ts'

/** What connections are handed to; each has its listener in every pod. */
export const PROXY_PORTS: readonly number[] = [
  ztunnel_port.ZTUNNEL_OUTBOUND,
  ztunnel_port.ZTUNNEL_INBOUND,
  ztunnel_port.ZTUNNEL_HBONE
]

const { SLOT_ZTUNNEL, SLOT_UPGRADE, SLOT_PARKED } = listener_slot

/** Those of the ports that somebody listens on, and nobody of them transparently. */
export function opaquePorts(ports: readonly number[], listeners: readonly Listener[]): number[] {
  return ports.filter((port) => {
    const there = listeners.filter((listener) => listener.port === port)
    return there.length > 0 && there.every(({ transparent }) => transparent === false)
  })
}

type Place = Pick<PodNetns, 'cookie' | 'listeners' | 'mutedFd'>

export class Listeners {
  readonly #map: KernelMaps['listener']
  readonly #ztunnels: () => readonly ZtunnelInfo[]
  readonly #sockets = new OpenSockets()

  /** @param ztunnels who is connected now, newest last */
  constructor(map: KernelMaps['listener'], ztunnels: () => readonly ZtunnelInfo[]) {
    this.#map = map
    this.#ztunnels = ztunnels
  }

  /** Ports that no ztunnel listens on there. */
  missing(netns: bigint): number[] {
    return PROXY_PORTS.filter(
      (port) => !this.#has(netns, port, SLOT_ZTUNNEL) && !this.#has(netns, port, SLOT_UPGRADE)
    )
  }

  /** Those of ztunnels, told apart from any other ones by their cookies. */
  registered(netns: bigint): string {
    return PROXY_PORTS.flatMap((port) =>
      [SLOT_ZTUNNEL, SLOT_UPGRADE].map((slot) => this.#map.get({ netns, port, slot }) ?? 'none')
    ).join()
  }

  /**
   * While no ztunnel listens, SYNs wait instead of being refused.
   * @returns the ports that had no such listener
   */
  async park(netns: Place): Promise<number[]> {
    const ports = PROXY_PORTS.filter((port) => !this.#has(netns.cookie, port, SLOT_PARKED))
    if (ports.length === 0) return []
    try {
      this.#register(netns.cookie, ports, await netns.mutedFd())
    } catch {
      // Somebody has destroyed the socket itself (ss -K).
      this.#register(netns.cookie, ports, await netns.mutedFd({ renew: true }))
    }
    return ports
  }

  /**
   * Registers listeners of ztunnel that nobody saw begin: it was there before the agent's hooks. Only what an
   * authorised ztunnel has open is taken; a process of the pod may listen on the same port.
   * @returns the ports that have one now
   * @throws NativeError EDESCRIPTOR_PERMISSION, EDESCRIPTOR_UNSUPPORTED
   */
  async adopt(netns: Place): Promise<number[]> {
    const ports = this.missing(netns.cookie)
    const newestFirst = this.#ztunnels().toReversed()
    if (ports.length === 0 || newestFirst.length === 0) return []
    for (const { port, inode } of await netns.listeners(ports)) {
      for (const ztunnel of newestFirst) {
        using socket = await this.#sockets.take(ztunnel.pid, inode)
        if (socket !== undefined && ztunnel.isAlive()) this.#adopted(netns.cookie, port, socket)
      }
    }
    const missing = this.missing(netns.cookie)
    return ports.filter((port) => !missing.includes(port))
  }

  #adopted(netns: bigint, port: number, { fd }: Descriptor): void {
    if (!this.#has(netns, port, SLOT_ZTUNNEL))
      this.#map.setFd({ netns, port, slot: SLOT_ZTUNNEL }, fd, 'noexist')
  }

  #register(netns: bigint, ports: readonly number[], fd: number): void {
    for (const port of ports) this.#map.setFd({ netns, port, slot: SLOT_PARKED }, fd)
  }

  #has(netns: bigint, port: number, slot: number): boolean {
    return this.#map.get({ netns, port, slot }) !== undefined
  }
}
