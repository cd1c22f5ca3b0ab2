// SPDX-License-Identifier: Apache-2.0
// An open network namespace of a pod, and what the agent has made in it.

import { type Descriptor, type Listener, Netns, type NetnsWatch } from '#native'
import { ISTIO_MASK, ZTUNNEL_MARK } from '../config/steering.ts'
import { SluiceError } from '../errors/error.ts'
import type { PodAddresses } from '../maps/pod-entries.ts'
import { type Drift, driftOf } from './drift.ts'
import { applying, type NetnsPlan, planNetns, removing, type Steering } from './plan.ts'
import { type Surveyed, survey } from './survey.ts'

/** Istio keeps it from applications; one that the kernel chose might be an application's. */
const MUTE_PORT = 15002

export class PodNetns {
  readonly inode: number
  readonly #netns: Netns
  readonly #steering: Steering
  #surveyed: Surveyed
  #plan: NetnsPlan | undefined
  #changed: NetnsPlan['sysctls'] = []
  #muted: Descriptor | undefined
  #closed = false
  #watch: NetnsWatch | undefined
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(netns: Netns, surveyed: Surveyed, steering: Steering) {
    this.#netns = netns
    this.inode = netns.inode
    this.#surveyed = surveyed
    this.#steering = steering
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

  /** Settings that were changed here, with the values that they had. */
  get changedSysctls(): NetnsPlan['sysctls'] {
    return this.#changed
  }

  /**
   * @param path `/proc/<pid>/ns/net`
   * @param preferred what the source says the pod's addresses are; may be empty
   * @throws NativeError ENETNS_GONE
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
   * Makes rules, routes and sysctls; what is there already stays.
   * @param adopted a former agent prepared it: the settings it found then are taken to be the kernel's defaults
   * @throws SluiceError SLUICE_ERR_NETNS_NO_ADDRESS, SLUICE_ERR_NETNS_PREPARE
   */
  prepare(adopted: boolean): Promise<void> {
    return this.#exclusive(() => this.#prepare(adopted))
  }

  async #prepare(adopted: boolean): Promise<void> {
    const { ipv4, ipv6 } = this.addresses
    if (ipv4 === undefined && ipv6 === undefined) throw new SluiceError('SLUICE_ERR_NETNS_NO_ADDRESS')
    const plan = this.#planned()
    this.#plan = plan
    if (adopted) this.#changed = kernelDefaults(plan)
    await this.#apply(plan)
  }

  #planned(): NetnsPlan {
    const { addresses, ipv6Supported, ipv6OnLo } = this.#surveyed
    const { ipv4, ipv6 } = addresses
    return planNetns(this.#steering, { ipv4, ipv6: ipv6OnLo ? ipv6 : undefined, ipv6Supported })
  }

  /** Follows changes by others until closed. */
  async follow(onChange: () => void): Promise<void> {
    this.#watch ??= await this.#netns.watch(onChange)
  }

  /** What is no longer as planned; mended on the way out. */
  verify(): Promise<readonly Drift[]> {
    return this.#exclusive(() => this.#verify())
  }

  async #verify(): Promise<readonly Drift[]> {
    const plan = this.#plan
    if (plan === undefined) return []
    const { table } = this.#steering
    const sysctlReads = plan.sysctls.map(({ name }) => ({ op: 'get-sysctl', name }) as const)
    const [rules4, rules6, routes4, routes6, ...values] = await this.#netns.run([
      { op: 'rules', family: 'ipv4' },
      { op: 'rules', family: 'ipv6' },
      { op: 'routes', family: 'ipv4', table },
      { op: 'routes', family: 'ipv6', table },
      ...sysctlReads
    ])
    const drift = driftOf(plan, {
      rules: [...rules4, ...rules6],
      routes: [...routes4, ...routes6],
      sysctls: Object.fromEntries(plan.sysctls.map(({ name }, index) => [name, values[index]]))
    })
    if (drift.length > 0) await this.#apply(plan)
    return drift
  }

  /** Reads the addresses again, and what else the next preparation depends on. */
  async readAddresses(preferred: readonly string[]): Promise<PodAddresses> {
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

  /** Those of the ports whose listeners are there, and none of them transparent. */
  async opaquePorts(ports: readonly number[]): Promise<number[]> {
    const listeners = await this.listeners(ports)
    return ports.filter((port) => {
      const there = listeners.filter((listener) => listener.port === port)
      return there.length > 0 && there.every(({ transparent }) => transparent === false)
    })
  }

  /** Whether anybody listens on a TCP port, on whatever address. */
  async listensOn(port: number): Promise<boolean> {
    const [listeners] = await this.#netns.run([{ op: 'listeners', ports: [port] }])
    return listeners.length > 0
  }

  /**
   * Takes back what `prepare` made.
   * @param adopted also what a former agent's made
   */
  restore(adopted: boolean): Promise<void> {
    return this.#exclusive(async () => {
      this.#closeMuted()
      const plan = this.#plan ?? (adopted ? this.#planned() : undefined)
      if (plan === undefined) return
      const changed = this.#plan === undefined ? kernelDefaults(plan) : this.#changed
      await this.#netns.run(removing(plan, changed))
      this.#plan = undefined
      this.#changed = []
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

  async #apply(plan: NetnsPlan): Promise<void> {
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
