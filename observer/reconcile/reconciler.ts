// SPDX-License-Identifier: Apache-2.0
// The one place that acts: performs the effects that the pods' state machines ask for and brings the answers
// back. Verdicts are written at once, in order; what takes time is one errand at a time for each pod.

import type { Logger } from 'pino'
import { type Observable, Subject } from 'rxjs'
import { causeText } from '../errors/error.ts'
import { NO_ADDRESSES } from '../maps/pod-entries.ts'
import { PodNetns } from '../netns/pod-netns.ts'
import type { Steering } from '../netns/plan.ts'
import type { Effect, Input } from '../pods/effect.ts'
import { type PodUid, podRef } from '../pods/pod.ts'
import type { Answer } from '../pods/roster.ts'
import type { PodState, Verdict } from '../pods/state.ts'
import { locateNetns, netnsPath } from '../processes/locate.ts'
import type { ZdsServer } from '../ztunnel/server.ts'
import { depart, drain } from './departure.ts'
import { type Dwelling, type EnrolmentParts, enrol } from './enrolment.ts'
import { Errands } from './errands.ts'

export interface ReconcilerOptions extends EnrolmentParts {
  readonly zds: Pick<ZdsServer, 'offer' | 'keep' | 'withdraw'>
  readonly steering: Steering
  /** Inode of the node's own network namespace. */
  readonly hostInode: number
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
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(options: ReconcilerOptions) {
    this.#options = options
    this.answers$ = this.#answers.asObservable()
  }

  dwelling(uid: PodUid): Dwelling | undefined {
    return this.#dwellings.get(uid)
  }

  perform(effect: Effect, state: PodState): void {
    const { uid } = state
    switch (effect.do) {
      case 'judge':
        return this.#judge(state, effect.verdict)
      case 'locate':
        return this.#errands.run(uid, () => this.#locate(state, effect.epoch))
      case 'enrol':
        return this.#errands.run(uid, (signal) => this.#enrol(state, effect.epoch, signal))
      case 'leave':
        this.#judge(state, 'pass')
        return this.#errands.run(uid, (signal) => this.#leave(state, effect.epoch, signal))
      case 'forget':
        return this.#forget(effect, state)
      case 'retry-later':
        return this.#later(effect.delayMs, uid, { kind: 'retry', epoch: effect.epoch })
      case 'watch-hold':
        return this.#later(this.#options.holdWarning, uid, { kind: 'overdue', epoch: effect.epoch })
      case 'announce':
        return this.#announce(effect, state)
    }
  }

  /** Waits for what runs, then lets go of every handle; the kernel keeps steering. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const uid of this.#dwellings.keys()) this.#errands.cancel(uid)
    await this.#errands.settled()
    for (const uid of [...this.#dwellings.keys()]) this.#letGo(uid)
    this.#answers.complete()
  }

  #answer(uid: PodUid, input: Input): void {
    this.#answers.next({ kind: 'answer', uid, input })
  }

  #judge(state: PodState, verdict: Verdict): void {
    const { cgroup, netns, uid } = state
    if (cgroup === undefined || verdict === 'none') return
    const dwelling = this.#dwellings.get(uid)
    const addresses = dwelling?.netns.cookie === netns ? dwelling?.netns.addresses : undefined
    try {
      this.#options.entries.write(cgroup.id, netns, verdict, addresses)
    } catch (error) {
      this.#options.log.error({ ...fields(state), err: causeText(error) }, 'verdict could not be written')
    }
  }

  async #locate(state: PodState, epoch: number): Promise<void> {
    const { cgroup, uid, pod, netns, membership } = state
    if (cgroup === undefined) return
    try {
      const held = this.#dwellings.get(uid)
      const found = await locateNetns(cgroup.path, this.#options.hostInode, held?.netns.inode)
      if (found === undefined) {
        if (netns !== undefined) this.#options.entries.unsee(cgroup.id, netns)
        return this.#answer(uid, { kind: 'located', netns: undefined, epoch })
      }
      if (held?.netns.inode === found.inode) {
        return this.#answer(uid, { kind: 'located', netns: held.netns.cookie, epoch })
      }
      const opened = await PodNetns.open(netnsPath(found.pid), pod?.ips ?? [], this.#options.steering)
      if (held !== undefined) await this.#abandon(uid, held)
      if (membership?.decision === 'in') this.#dwellings.set(uid, { netns: opened, lookup: undefined })
      else opened.close()
      this.#answer(uid, { kind: 'located', netns: opened.cookie, epoch })
    } catch (error) {
      this.#options.log.warn({ ...fields(state), err: causeText(error) }, 'network namespace could not be opened')
      this.#answer(uid, { kind: 'located', netns: undefined, epoch })
    }
  }

  async #enrol(state: PodState, epoch: number, signal: AbortSignal): Promise<void> {
    const { uid } = state
    try {
      const dwelling = await this.#dwell(state)
      if (dwelling === undefined || signal.aborted) {
        if (!signal.aborted) this.#answer(uid, { kind: 'enrol-failed', error: 'its network namespace is gone', epoch })
        return
      }
      await enrol(state, dwelling, this.#options, signal)
      await dwelling.netns.follow(() => this.#options.onNetnsChange(uid))
      this.#answer(uid, { kind: 'enrolled', epoch })
    } catch (error) {
      if (signal.aborted) return
      this.#answer(uid, { kind: 'enrol-failed', error: causeText(error), epoch })
    }
  }

  /** The pod's open namespace, if it is the one that the state means. */
  async #dwell(state: PodState): Promise<Dwelling | undefined> {
    const { uid, cgroup, netns, pod } = state
    const held = this.#dwellings.get(uid)
    if (held !== undefined && held.netns.cookie === netns) return held
    if (cgroup === undefined) return undefined
    this.#letGo(uid)
    const found = await locateNetns(cgroup.path, this.#options.hostInode)
    if (found === undefined) {
      if (netns !== undefined) this.#options.entries.unsee(cgroup.id, netns)
      return undefined
    }
    const opened = await PodNetns.open(netnsPath(found.pid), pod?.ips ?? [], this.#options.steering)
    if (opened.cookie !== netns) {
      opened.close()
      return undefined
    }
    const dwelling: Dwelling = { netns: opened, lookup: undefined }
    this.#dwellings.set(uid, dwelling)
    return dwelling
  }

  async #leave(state: PodState, epoch: number, signal: AbortSignal): Promise<void> {
    const { uid, cgroup } = state
    try {
      const dwelling = await this.#dwell(state)
      if (dwelling !== undefined) {
        const left = await drain(dwelling, this.#options.drainTimeout, signal)
        if (left > 0) this.#options.log.warn({ ...fields(state), connections: left }, 'connections were cut on leaving')
        signal.throwIfAborted()
        await depart(uid, dwelling, this.#options.entries, this.#options.zds)
        if (cgroup !== undefined) {
          const { cookie, addresses } = dwelling.netns
          this.#options.entries.write(cgroup.id, cookie, 'pass', { ...addresses, more: [] })
        }
        this.#letGo(uid)
      } else await this.#options.zds.withdraw(uid)
      this.#answer(uid, { kind: 'left', epoch })
    } catch (error) {
      if (signal.aborted) return
      this.#options.log.error({ ...fields(state), err: causeText(error) }, 'leaving is incomplete')
      this.#letGo(uid)
      this.#answer(uid, { kind: 'left', epoch })
    }
  }

  #forget({ cgroup, netns }: Extract<Effect, { do: 'forget' }>, state: PodState): void {
    if (cgroup !== undefined) this.#options.entries.forget(cgroup)
    this.#errands.run(state.uid, async () => {
      const dwelling = this.#dwellings.get(state.uid)
      if (netns !== undefined) {
        this.#options.entries.forgetNetns(netns, dwelling?.netns.addresses ?? NO_ADDRESSES)
        this.#options.lookups.remove(netns)
      }
      await this.#options.zds.withdraw(state.uid).catch((error: unknown) => {
        this.#options.log.warn({ ...fields(state), err: causeText(error) }, 'ztunnel was not told that the pod is gone')
      })
      this.#letGo(state.uid)
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

  #announce({ what, message }: Extract<Effect, { do: 'announce' }>, state: PodState): void {
    const level = what === 'joined' || what === 'left' ? 'info' : 'warn'
    this.#options.log[level]({ ...fields(state), event: what, reason: message }, SENTENCES[what])
  }
}

const SENTENCES = {
  joined: 'pod joined the mesh',
  left: 'pod left the mesh',
  failed: 'pod could not be enrolled',
  unjudged: 'pod is held and no source names it',
  warning: 'pod is marked inconsistently'
} as const

function fields({ uid, pod, cgroup }: PodState) {
  return { pod: pod === undefined ? undefined : podRef(pod), uid, cgroup: cgroup?.path }
}
