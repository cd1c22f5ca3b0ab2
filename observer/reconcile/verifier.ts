// SPDX-License-Identifier: Apache-2.0
// Compares what the agent believes with the kernel, and mends it. What somebody else changed is counted as drift.

import type { Logger } from 'pino'
import { ztunnel_port } from '#contract'
import { adviceText, causeText } from '../errors/error.ts'
import type { Lookups } from '../hooks/lookups.ts'
import { PodJournal } from '../log/pod-journal.ts'
import type { PodEntries } from '../maps/pod-entries.ts'
import type { PodSnapshot } from '../maps/pod-snapshot.ts'
import type { DriftKind } from '../netns/drift.ts'
import type { Inspection } from '../netns/inspection.ts'
import type { Condition } from '../pods/condition.ts'
import { type PodUid, podRef } from '../pods/pod.ts'
import { isSteered, type PodState } from '../pods/state.ts'
import type { ZdsServer } from '../ztunnel/server.ts'
import { conditionsOf, type Surroundings } from './conditions.ts'
import type { Dwelling } from './enrolment.ts'
import { wrongEntries } from './entry-audit.ts'
import type { Listeners } from './listeners.ts'
import { ProbeWatch } from './probe-watch.ts'
import { ResolverWatch } from './resolver-watch.ts'

export type AnyDrift = DriftKind | 'entry' | 'exemption' | 'lookup' | 'listener' | 'hook' | 'pin'

export interface VerifierOptions {
  readonly entries: PodEntries
  readonly lookups: Lookups
  readonly listeners: Pick<Listeners, 'missing' | 'park' | 'adopt' | 'registered'>
  readonly zds: Pick<ZdsServer, 'refusal'>
  readonly dwelling: (uid: string) => Dwelling | undefined
  readonly surroundings: Surroundings
  /** Told of every verification: what cannot be mended. */
  readonly onInspected: (uid: PodUid, conditions: readonly Condition[]) => void
  /** Told of a pod that ztunnel refuses since it was enrolled: nobody else asks for it again. */
  readonly onRefused: (state: PodState, error: string) => void
  readonly log: Logger
}

export class Verifier {
  readonly #options: VerifierOptions
  readonly #drift = new Map<AnyDrift, number>()
  readonly #probes = new ProbeWatch()
  readonly #resolvers = new ResolverWatch()
  readonly #journal: PodJournal

  constructor(options: VerifierOptions) {
    this.#options = options
    this.#journal = new PodJournal(options.log, () => performance.now())
  }

  /** What was found changed since the agent started, by kind. */
  get drift(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#drift)
  }

  note(kind: AnyDrift, what: string, state?: PodState, count = 1): void {
    this.#drift.set(kind, (this.#drift.get(kind) ?? 0) + count)
    const sentence = 'drift was found and repaired'
    if (state === undefined) this.#options.log.warn({ drift: kind, what }, sentence)
    else this.#warn(state, { drift: kind, what }, sentence)
  }

  /** Tells how many lines about pods were too many to be logged. */
  settle(): void {
    this.#journal.settle()
  }

  #warn({ uid, pod }: PodState, fields: object, sentence: string): void {
    this.#journal.warn(pod === undefined ? uid : podRef(pod), fields, sentence)
  }

  /**
   * What the hooks read of the pod.
   * @param found all pods' maps, read in this very turn of the event loop
   * @throws NativeError EBPF_MAP_FULL
   */
  verifyEntries(state: PodState, found: PodSnapshot): void {
    const { cgroup, netns, verdict, uid, pod } = state
    const dwelling = this.#options.dwelling(uid)
    const enrolled =
      dwelling === undefined || dwelling.leaving || dwelling.netns.cookie !== netns
        ? undefined
        : { addresses: dwelling.netns.addresses, traits: dwelling.traits, probePorts: pod?.probePorts ?? [] }
    const wrong = wrongEntries(state, enrolled, found)
    if (wrong.length === 0 || cgroup === undefined || verdict === 'none') return
    const { entries } = this.#options
    if (netns !== undefined && enrolled !== undefined) {
      entries.rewriteNetns(netns, enrolled.addresses)
      entries.writeProbes(netns, enrolled.probePorts)
    }
    entries.write(cgroup.id, netns, verdict, enrolled?.addresses, enrolled?.traits)
    this.note('entry', wrong.join('; '), state)
  }

  /**
   * Everything that an enrolled pod needs.
   * @returns whether the pod is as it should be now
   */
  async verify(state: PodState): Promise<boolean> {
    const dwelling = this.#options.dwelling(state.uid)
    // Without a lookup of ours its enrolment is under way, and puts back what it lacks itself.
    if (dwelling?.lookup === undefined || dwelling.leaving || !isSteered(state)) return false
    try {
      // First: a route for an address that is gone cannot be put back.
      await this.#verifyAddresses(state, dwelling)
      if (!this.#stays(state, dwelling)) return false
      const { drift, found } = await dwelling.netns.verify()
      for (const { kind, what } of drift) this.note(kind, what, state)
      if (!this.#stays(state, dwelling)) return false
      this.#inspect(state, dwelling, found)
      await this.#verifyLookup(state, dwelling)
      if (!this.#stays(state, dwelling)) return false
      if (!(await this.#verifyListeners(state, dwelling))) return false
      await this.#verifyDns(state, dwelling)
      return this.#stays(state, dwelling)
    } catch (error) {
      if (!this.#stays(state, dwelling)) return false
      this.#warn(state, { err: causeText(error) }, 'pod could not be verified')
      return false
    }
  }

  #inspect({ uid, pod }: PodState, dwelling: Dwelling, found: Inspection): void {
    const { entries, surroundings, onInspected } = this.#options
    const arrivals = entries.probes(dwelling.netns.cookie, pod?.probePorts ?? [])
    const probes = this.#probes.look(dwelling, arrivals)
    onInspected(uid, conditionsOf({ found, probes, unlisted: dwelling.netns.unlisted }, surroundings))
  }

  /** The pod may leave, or go, while it is looked at. */
  #stays({ uid }: PodState, dwelling: Dwelling): boolean {
    return this.#options.dwelling(uid) === dwelling && !dwelling.leaving
  }

  async #verifyLookup(state: PodState, dwelling: Dwelling): Promise<void> {
    const fault = dwelling.lookup?.fault
    if (fault === undefined) return
    const { lookups } = this.#options
    using instance = await lookups.load(dwelling.netns.cookie)
    if (!this.#stays(state, dwelling)) return
    const mended = dwelling.lookup?.mend(instance, () => instance.attachNetns(dwelling.netns.fd))
    // An enrolment may have been quicker than the load: then there is nothing to mend.
    if (mended !== undefined) this.note('lookup', `listener lookup was ${mended}`, state)
  }

  async #verifyAddresses(state: PodState, dwelling: Dwelling): Promise<void> {
    const { netns } = dwelling
    const preferred = state.pod?.ips ?? []
    if (!netns.mayHaveMoved(preferred)) return
    const former = netns.addresses
    const addresses = await netns.readAddresses(preferred)
    if (JSON.stringify(former) === JSON.stringify(addresses) || state.cgroup === undefined) return
    if (!this.#stays(state, dwelling)) return
    this.#options.entries.writeNetns(netns.cookie, former, addresses)
    this.#options.entries.write(state.cgroup.id, netns.cookie, 'steer', addresses, dwelling.traits)
    await netns.prepare(false)
  }

  async #verifyListeners(state: PodState, { netns }: Dwelling): Promise<boolean> {
    const { listeners } = this.#options
    for (const port of await listeners.park(netns))
      this.note('listener', `parked listener for :${port}`, state)
    for (const port of await listeners.adopt(netns))
      this.note('listener', `ztunnel's listener on :${port}`, state)
    const ports = listeners.missing(netns.cookie)
    if (ports.length === 0) return true
    this.#warn(state, { ports }, 'ztunnel does not listen in the pod: new connections wait')
    const refusal = this.#options.zds.refusal(state.uid)
    // With an error it is being enrolled again already.
    if (refusal !== undefined && state.lastError === undefined)
      this.#options.onRefused(state, adviceText(refusal))
    return false
  }

  /** While ztunnel is away its resolver stays asked: nobody else is to hear the pod's questions. */
  async #verifyDns(state: PodState, dwelling: Dwelling): Promise<void> {
    const { cgroup, membership, pod } = state
    const { netns, traits } = dwelling
    const { listeners, entries, log } = this.#options
    if (cgroup === undefined || membership?.traits.dns !== true) return
    if (!this.#resolvers.isDue(dwelling, listeners.registered(netns.cookie))) return
    const dns = await netns.listensOn(ztunnel_port.ZTUNNEL_DNS)
    if (dns === traits.dns || traits !== dwelling.traits || !this.#stays(state, dwelling)) return
    dwelling.traits = { ...traits, dns }
    entries.write(cgroup.id, netns.cookie, 'steer', netns.addresses, dwelling.traits)
    log.info({ pod: pod && podRef(pod), dns }, 'ztunnel is another one: DNS is captured where it answers it')
  }
}
