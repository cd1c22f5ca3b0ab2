// SPDX-License-Identifier: Apache-2.0
// An open network namespace of a pod, and what the agent has made in it.

import { type Descriptor, type Listener, Netns, type NetnsWatch } from '#native'
import { ISTIO_MASK, ZTUNNEL_MARK } from '../config/steering.ts'
import { SluiceError } from '../errors/error.ts'
import type { PodAddresses } from '../maps/pod-entries.ts'
import { routingConflicts } from './conflict.ts'
import type { Drift } from './drift.ts'
import { Inspector, type Verified } from './inspection.ts'
import { istioTables } from './leftover.ts'
import { type NetnsPlan, planNetns, type Steering } from './plan.ts'
import { Routing } from './routing.ts'
import { type Surveyed, survey } from './survey.ts'

/** Istio keeps it from applications; one that the kernel chose might be an application's. */
const MUTE_PORT = 15002

/** So many verifications rely on what netlink tells. */
const VERIFICATIONS = 12

export class PodNetns {
  readonly inode: number
  readonly #netns: Netns
  readonly #inspector: Inspector
  readonly #steering: Steering
  readonly #routing: Routing
  #surveyed: Surveyed
  #muted: Descriptor | undefined
  #closed = false
  #moved = true
  #preferred: readonly string[] = []
  #verifications = 0
  #watch: NetnsWatch | undefined
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(netns: Netns, surveyed: Surveyed, steering: Steering) {
    this.#netns = netns
    this.inode = netns.inode
    this.#surveyed = surveyed
    this.#steering = steering
    this.#inspector = new Inspector(netns, steering.table)
    this.#routing = new Routing(netns, steering, this.#inspector)
  }

  get cookie(): bigint {
    return this.#surveyed.cookie
  }

  /** The descriptor stays this object's. */
  get fd(): number {
    return this.#netns.fd
  }

  get addresses(): PodAddresses {
    return this.#surveyed.addresses
  }

  /** Further addresses that the hooks are not told of. */
  get unlisted(): number {
    return this.#surveyed.unlisted
  }

  /**
   * @param path `/proc/<pid>/ns/net`
   * @param preferred what the source says the pod's addresses are; may be empty
   * @throws NativeError ENETNS_GONE; SluiceError SLUICE_ERR_NETNS_TOO_LARGE
   */
  static async open(path: string, preferred: readonly string[], steering: Steering): Promise<PodNetns> {
    const netns = Netns.open(path)
    try {
      return new PodNetns(netns, await survey(netns, preferred), steering)
    } catch (error) {
      netns.close()
      throw error
    }
  }

  /**
   * Two who steer one pod break each other: better that the second does not begin.
   * @throws SluiceError SLUICE_ERR_NETNS_ISTIO, SLUICE_ERR_NETNS_ROUTING, SLUICE_ERR_NETNS_READ,
   *   SLUICE_ERR_NETNS_TOO_LARGE
   */
  async refuseConflicts(): Promise<void> {
    const { rules, routes, tables } = await this.#exclusive(() => this.#surveyOthers())
    const istio = istioTables(tables)
    if (istio.length > 0) throw new SluiceError('SLUICE_ERR_NETNS_ISTIO', { found: istio.join(', ') })
    const conflicts = routingConflicts(this.#steering, rules, routes)
    if (conflicts.length > 0)
      throw new SluiceError('SLUICE_ERR_NETNS_ROUTING', { found: conflicts.join(', ') })
  }

  /**
   * Makes rules, routes and sysctls; what is there already stays, what an earlier preparation made for addresses that
   * are gone goes.
   * @param adopted a former agent prepared it: the settings it found then are taken to be the kernel's defaults
   * @returns what an adopted namespace lacked
   * @throws SluiceError SLUICE_ERR_NETNS_NO_ADDRESS, SLUICE_ERR_NETNS_PREPARE
   */
  prepare(adopted: boolean): Promise<readonly Drift[]> {
    return this.#exclusive(() => {
      const { ipv4, ipv6 } = this.addresses
      if (ipv4 === undefined && ipv6 === undefined) throw new SluiceError('SLUICE_ERR_NETNS_NO_ADDRESS')
      return this.#routing.make(this.#planned(), adopted)
    })
  }

  async #surveyOthers(): ReturnType<Inspector['survey']> {
    try {
      return await this.#inspector.survey()
    } catch (error) {
      if (error instanceof SluiceError) throw error
      throw new SluiceError('SLUICE_ERR_NETNS_READ', {}, error)
    }
  }

  #planned(): NetnsPlan {
    const { addresses, ipv6Supported, ipv6OnLo } = this.#surveyed
    const { ipv4, ipv6 } = addresses
    return planNetns(this.#steering, { ipv4, ipv6: ipv6OnLo ? ipv6 : undefined, ipv6Supported })
  }

  /** Follows changes by others until closed. */
  async follow(onChange: () => void): Promise<void> {
    this.#watch ??= await this.#netns.watch((what) => {
      if (what === 'rule' || what === 'route') this.#inspector.doubt()
      else this.#moved = true
      onChange()
    })
    this.#doubt()
  }

  #doubt(): void {
    this.#inspector.doubt()
    this.#moved = true
  }

  /** Whether addresses have to be read again: somebody may have changed them, or the source named others. */
  mayHaveMoved(preferred: readonly string[]): boolean {
    // Netlink tells what changes; now and then it is not relied on.
    if (this.#verifications++ % VERIFICATIONS === 0) this.#doubt()
    return this.#moved || preferred.join() !== this.#preferred.join()
  }

  /** What is no longer as planned; mended on the way out. */
  verify(): Promise<Verified> {
    return this.#exclusive(() => this.#routing.mend())
  }

  /** Reads the addresses again, and what else the next preparation depends on. */
  async readAddresses(preferred: readonly string[]): Promise<PodAddresses> {
    this.#moved = false
    this.#preferred = preferred
    this.#surveyed = await survey(this.#netns, preferred)
    return this.addresses
  }

  /** Packed, as the native operation answers. */
  async connections(): Promise<Uint8Array> {
    const [packed] = await this.#netns.run([{ op: 'connections' }])
    return packed
  }

  /** TCP sockets that still carry our mark. */
  async steeredSockets(): Promise<number> {
    const { mark, mask } = this.#steering
    const [count] = await this.#netns.run([{ op: 'count-sockets', mark, mask }])
    return count
  }

  /**
   * Resets the TCP connections that neither we nor ztunnel steer; what the pod says to itself stays.
   * @returns how many
   */
  async resetConnections(): Promise<number> {
    const { mark, mask } = this.#steering
    // What ztunnel accepted has no mark, but its listeners are transparent.
    const ztunnel = { mark: ZTUNNEL_MARK, mask: ISTIO_MASK }
    const except = [{ mark, mask }, ztunnel, { transparent: true }] as const
    const [count] = await this.#netns.run([{ op: 'destroy-sockets', except }])
    return count
  }

  async listeners(ports: readonly number[]): Promise<Listener[]> {
    const [listeners] = await this.#netns.run([{ op: 'listeners', ports }])
    return listeners
  }

  /**
   * A listener that leaves SYNs unanswered; it ends with what `prepare` made, and with the agent.
   * @returns its descriptor, which stays this object's
   */
  mutedFd({ renew = false } = {}): Promise<number> {
    return this.#exclusive(async () => {
      if (renew) this.#closeMuted()
      this.#muted ??= await this.#netns.muteListener(MUTE_PORT)
      const { fd } = this.#muted
      if (this.#closed) this.#closeMuted()
      return fd
    })
  }

  #closeMuted(): void {
    this.#muted?.close()
    this.#muted = undefined
  }

  /** Whether anybody listens on a TCP port, on whatever address. */
  async listensOn(port: number): Promise<boolean> {
    const [listeners] = await this.#netns.run([{ op: 'listeners', ports: [port] }])
    return listeners.length > 0
  }

  /** Takes back what `prepare` made, a former agent's too. */
  restore(): Promise<void> {
    return this.#exclusive(async () => {
      this.#closeMuted()
      await this.#routing.undo(this.#planned())
    })
  }

  close(): void {
    this.#closed = true
    this.#closeMuted()
    this.#watch?.close()
    this.#watch = undefined
    this.#netns.close()
  }

  /** A verification that mends must not overtake a restoration. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}
