// SPDX-License-Identifier: Apache-2.0
// The one place that acts: performs the effects that the pods' state machines ask for and brings the answers
// back. Verdicts are written at once, in order; what takes time is one errand at a time for each pod.

import type { Logger } from 'pino'
import { type Observable, Subject } from 'rxjs'
import { adviceText, causeText, SluiceError } from '../errors/error.ts'
import type { Effect, Input } from '../pods/effect.ts'
import type { PodUid } from '../pods/pod.ts'
import type { Answer } from '../pods/roster.ts'
import type { PodState, Verdict } from '../pods/state.ts'
import type { ZdsServer } from '../ztunnel/server.ts'
import { announce, fields } from './announcement.ts'
import { depart, drain } from './departure.ts'
import { type Dwelling, dwellingIn, type EnrolmentParts, enrol } from './enrolment.ts'
import { Entrance, type EntranceOptions } from './entrance.ts'
import { Errands } from './errands.ts'

export interface ReconcilerOptions extends EnrolmentParts, Omit<EntranceOptions, 'entries'> {
  readonly zds: Pick<ZdsServer, 'offer' | 'keep' | 'withdraw'>
  readonly drainTimeout: number
  readonly holdWarning: number
  /** Told when somebody changed addresses, rules or routes of a pod of the mesh. */
  readonly onNetnsChange: (uid: PodUid) => void
  readonly log: Logger
}

export class Reconciler {
  readonly answers$: Observable<Answer>
  readonly #answers = new Subject<Answer>()
  readonly #options: ReconcilerOptions
  readonly #dwellings = new Map<PodUid, Dwelling>()
  readonly #errands = new Errands()
  readonly #entrance: Entrance
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(options: ReconcilerOptions) {
    this.#options = options
    this.#entrance = new Entrance(options)
    this.answers$ = this.#answers.asObservable()
  }

  dwelling(uid: PodUid): Dwelling | undefined {
    return this.#dwellings.get(uid)
  }

  /** Lookups that are not where they belong, until the next verification of their pods. */
  get problems(): readonly string[] {
    const staying = [...this.#dwellings.values()].filter(({ leaving }) => !leaving)
    return staying.flatMap(({ lookup }) => lookup?.problem ?? [])
  }

  /** The kernel told of a process of that pod. */
  saw(cgroup: bigint, pid: number): void {
    this.#entrance.saw(cgroup, pid)
  }

  perform(effect: Effect, state: PodState): void {
    const { uid } = state
    switch (effect.do) {
      case 'judge':
        this.#judge(state, effect.verdict)
        break
      case 'locate':
        this.#errands.run(uid, () => this.#locate(state, effect.epoch))
        break
      case 'enrol':
        this.#errands.run(uid, (signal) => this.#enrol(state, effect.epoch, signal))
        break
      case 'leave':
        this.#turnAway(uid)
        this.#judge(state, 'pass')
        this.#errands.run(uid, (signal) => this.#leave(state, effect.epoch, signal))
        break
      case 'forget':
        this.#forget(effect, state)
        break
      case 'retry-later':
        this.#later(effect.delayMs, uid, { kind: 'retry', epoch: effect.epoch })
        break
      case 'watch-hold':
        this.#later(this.#options.holdWarning, uid, { kind: 'overdue', epoch: effect.epoch })
        break
      case 'announce':
        announce(effect, state, this.#options.log)
    }
  }

  /** Waits for what runs, then lets go of every handle; the kernel keeps steering. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    await this.#errands.close()
    for (const uid of this.#dwellings.keys()) this.#letGo(uid)
    this.#answers.complete()
  }

  /** A verification that is under way must not mend what is being taken back. */
  #turnAway(uid: PodUid): void {
    const dwelling = this.#dwellings.get(uid)
    if (dwelling !== undefined) dwelling.leaving = true
  }

  #answer(uid: PodUid, input: Input): void {
    this.#answers.next({ kind: 'answer', uid, input })
  }

  #judge(state: PodState, verdict: Verdict): void {
    const { cgroup, netns, uid } = state
    if (cgroup === undefined || verdict === 'none') return
    const dwelling = this.#dwellings.get(uid)
    const own = dwelling?.netns.cookie === netns ? dwelling : undefined
    try {
      this.#options.entries.write(cgroup.id, netns, verdict, own?.netns.addresses, own?.traits)
    } catch (error) {
      this.#options.log.error({ ...fields(state), err: causeText(error) }, 'verdict could not be written')
    }
  }

  async #locate(state: PodState, epoch: number): Promise<void> {
    const { cgroup, uid, pod, membership } = state
    if (cgroup === undefined) return
    try {
      const held = this.#dwellings.get(uid)
      const found = await this.#entrance.find(cgroup, held?.netns.inode)
      if (found === undefined) return this.#answer(uid, { kind: 'located', netns: undefined, epoch })
      if (held?.netns.inode === found.inode) {
        return this.#answer(uid, { kind: 'located', netns: held.netns.cookie, epoch })
      }
      const opened = await this.#entrance.enter(found, pod?.ips)
      if (held !== undefined) await this.#abandon(uid, held)
      if (membership?.decision === 'in' || membership?.decision === 'observed')
        this.#dwellings.set(uid, dwellingIn(opened))
      else opened.close()
      this.#answer(uid, { kind: 'located', netns: opened.cookie, epoch })
    } catch (error) {
      const err = causeText(error)
      this.#options.log.warn({ ...fields(state), err }, 'network namespace could not be opened')
      this.#answer(uid, { kind: 'enrol-failed', error: err, epoch })
    }
  }

  async #enrol(state: PodState, epoch: number, signal: AbortSignal): Promise<void> {
    const { uid } = state
    try {
      const dwelling = await this.#dwell(state)
      if (signal.aborted) return
      if (dwelling === undefined) throw new Error('its network namespace is gone')
      dwelling.leaving = false
      await enrol(state, dwelling, this.#options, signal)
      await dwelling.netns.follow(() => this.#options.onNetnsChange(uid))
      this.#answer(uid, { kind: 'enrolled', epoch })
    } catch (error) {
      if (signal.aborted) return
      const capturedByIstio = error instanceof SluiceError && error.code === 'SLUICE_ERR_NETNS_ISTIO'
      this.#answer(uid, { kind: 'enrol-failed', error: adviceText(error), epoch, capturedByIstio })
    }
  }

  /** The pod's open namespace, if it is the one that the state means. */
  async #dwell(state: PodState): Promise<Dwelling | undefined> {
    const { uid, cgroup, netns, pod } = state
    const held = this.#dwellings.get(uid)
    if (held !== undefined && held.netns.cookie === netns) {
      const { ipv4, ipv6 } = held.netns.addresses
      if (ipv4 === undefined && ipv6 === undefined) await held.netns.readAddresses(pod?.ips ?? [])
      return held
    }
    if (cgroup === undefined) return undefined
    if (held !== undefined) await this.#abandon(uid, held)
    const opened = await this.#entrance.open(state)
    if (opened === undefined) return undefined
    const dwelling = dwellingIn(opened)
    this.#dwellings.set(uid, dwelling)
    return dwelling
  }

  async #leave(state: PodState, epoch: number, signal: AbortSignal): Promise<void> {
    const { uid, netns } = state
    const { zds, lookups } = this.#options
    try {
      const dwelling = await this.#dwell(state)
      if (dwelling === undefined) await zds.withdraw(uid)
      else await this.#depart(state, dwelling, signal)
    } catch (error) {
      if (signal.aborted) return
      return this.#answer(uid, { kind: 'leave-failed', error: adviceText(error), epoch })
    }
    if (signal.aborted) return
    if (netns !== undefined) lookups.remove(netns)
    this.#letGo(uid)
    this.#answer(uid, { kind: 'left', epoch })
  }

  async #depart(state: PodState, dwelling: Dwelling, signal: AbortSignal): Promise<void> {
    const { drainTimeout, log } = this.#options
    const left = await drain(dwelling, drainTimeout, signal)
    if (left > 0) log.warn({ ...fields(state), connections: left }, 'connections were cut on leaving')
    signal.throwIfAborted()
    await depart(state.uid, dwelling, this.#options, signal)
  }

  /** The kernel's memory goes at once, so that what is written next stays; handles go when nothing uses them. */
  #forget({ cgroup, netns }: Extract<Effect, { do: 'forget' }>, state: PodState): void {
    const { uid } = state
    const { entries, lookups, zds } = this.#options
    const dwelling = this.#dwellings.get(uid)
    if (dwelling?.netns.cookie === netns) this.#turnAway(uid)
    if (cgroup !== undefined) {
      entries.forget(cgroup)
      this.#entrance.forget(cgroup)
    }
    if (netns !== undefined) {
      entries.forgetNetns(netns, dwelling?.netns.cookie === netns ? dwelling.netns.addresses : undefined)
      lookups.remove(netns)
    }
    this.#errands.run(uid, async () => {
      await zds.withdraw(uid)
      const held = this.#dwellings.get(uid)
      if (held === undefined || (cgroup === undefined && held.netns.cookie !== netns)) return
      await held.netns.restore().catch((error: unknown) => {
        this.#options.log.debug({ ...fields(state), err: causeText(error) }, 'namespace was not taken back')
      })
      this.#letGo(uid)
    })
  }

  /** The pod has another namespace now; ztunnel gives up the former before its descriptor is closed. */
  async #abandon(uid: PodUid, { netns }: Dwelling): Promise<void> {
    await this.#options.zds.withdraw(uid)
    this.#options.entries.forgetNetns(netns.cookie, netns.addresses)
    this.#options.lookups.remove(netns.cookie)
    this.#letGo(uid)
  }

  #letGo(uid: PodUid): void {
    const dwelling = this.#dwellings.get(uid)
    dwelling?.lookup?.close()
    dwelling?.netns.close()
    this.#dwellings.delete(uid)
  }

  #later(delayMs: number, uid: PodUid, input: Input): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#answer(uid, input)
    }, delayMs)
    this.#timers.add(timer)
  }
}
