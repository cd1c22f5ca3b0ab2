// SPDX-License-Identifier: Apache-2.0
// A pod on a node that answers the machine's effects in any order, and fails some of them. It keeps what the
// kernel would hold, so that a test can compare the machine's belief with it.

import { NO_TRAITS, type Traits } from '../../membership/traits.ts'
import type { Effect, Input } from '../../pods/effect.ts'
import { step } from '../../pods/machine.ts'
import type { Circumstances } from '../../pods/settle.ts'
import { type PodState, unseen, type Verdict } from '../../pods/state.ts'
import { cgroup, membership, pod } from './pods.ts'

export type Action =
  | 'mkdir'
  | 'rmdir'
  | 'list-in'
  | 'list-bypassed'
  | 'list-out'
  | 'unlist'
  | 'start'
  | 'restart'
  | 'stop'
  | 'scan'
  | 'answer'
  | 'fail'
  | 'tell'
  | 'time'

const BYPASSED: Traits = { ...NO_TRAITS, bypassInbound: true }

export class World {
  state: PodState = unseen('u1', 0)
  /** What the hooks read. */
  verdict: Verdict = 'none'
  /** Every verdict since the cgroup was made. */
  history: Verdict[] = []
  listed: 'in' | 'out' | undefined
  /** What the source said last of this cgroup's pod; it outlives the listing. */
  judged: 'in' | 'out' | undefined
  /** How the source said last that the pod is captured, and how it was when it was enrolled last. */
  wanted = NO_TRAITS
  traits: Traits | undefined
  cgroupId: bigint | undefined
  /** The namespace of the pod's processes. */
  process: bigint | undefined
  /** A namespace that holds what an enrolment made. */
  readonly prepared = new Set<bigint>()
  readonly entries = new Set<bigint>()
  readonly epochs: number[] = []
  #errand: Extract<Effect, { do: 'locate' | 'enrol' | 'leave' }> | undefined
  /** As the errand found them when it began. */
  #errandTraits: Traits | undefined
  #timers: Input[] = []
  #told: Input[] = []
  #seen = new Set<bigint>()
  #lastCgroup = 100n
  #lastNetns = 4000n
  readonly #circumstances: Circumstances

  constructor(strict: boolean) {
    this.#circumstances = { now: 0, strict }
  }

  get idle(): boolean {
    return this.#errand === undefined && this.#told.length === 0
  }

  /** No answer, event or retry is outstanding. */
  get settled(): boolean {
    return this.idle && this.#timers.every(({ kind }) => kind === 'overdue')
  }

  act(action: Action): void {
    switch (action) {
      case 'mkdir':
        if (this.cgroupId !== undefined) return
        this.cgroupId = ++this.#lastCgroup
        this.judged = this.listed
        this.verdict = 'unknown'
        this.history = ['unknown']
        this.#tellCgroup()
        return
      case 'rmdir':
        if (this.cgroupId === undefined || this.process !== undefined) return
        this.cgroupId = undefined
        this.judged = this.listed
        this.verdict = 'none'
        this.#told.push({ kind: 'cgroup-gone' })
        return
      case 'list-in':
      case 'list-bypassed':
      case 'list-out':
        this.listed = action === 'list-out' ? 'out' : 'in'
        this.judged = this.listed
        this.wanted = action === 'list-bypassed' ? BYPASSED : NO_TRAITS
        this.#hear({
          kind: 'judged',
          pod: pod(),
          membership: membership(this.listed, { traits: this.wanted })
        })
        return
      case 'unlist':
        this.listed = undefined
        if (this.state.cgroup?.id !== this.cgroupId) this.judged = undefined
        this.#hear({ kind: 'unlisted' })
        return
      case 'start':
        if (this.cgroupId === undefined || this.process !== undefined) return
        if (this.#lastNetns === 4000n) this.#lastNetns++
        this.process = this.#lastNetns
        this.#sight()
        return
      case 'restart':
        if (this.process === undefined) return
        this.process = ++this.#lastNetns
        this.#sight()
        return
      case 'stop':
        this.process = undefined
        return
      case 'scan':
        if (this.cgroupId !== undefined) this.#tellCgroup()
        return
      case 'answer':
        this.#answer(true)
        return
      case 'fail':
        this.#answer(false)
        return
      case 'tell': {
        const input = this.#told.shift()
        if (input !== undefined) this.#hear(input)
        return
      }
      case 'time': {
        const input = this.#timers.shift()
        if (input !== undefined) this.#hear(input)
      }
    }
  }

  /** Everything goes well from now on; returns false if it never comes to rest. */
  calm(): boolean {
    for (let steps = 0; steps < 100; steps++) {
      if (this.settled) return true
      this.act('tell')
      this.act('answer')
      this.act('time')
    }
    return false
  }

  #tellCgroup(): void {
    const id = this.cgroupId ?? 0n
    const { verdict } = this
    this.#told.push({ kind: 'cgroup-found', cgroup: cgroup(id), verdict, netns: undefined, prepared: false })
  }

  #sight(): void {
    const netns = this.process
    if (netns === undefined || this.#seen.has(netns)) return
    this.#seen.add(netns)
    this.#told.push({ kind: 'netns-seen', netns })
  }

  #hear(input: Input): void {
    const { state, effects } = step(this.state, input, this.#circumstances)
    this.state = state
    for (const effect of effects) this.#perform(effect)
  }

  #perform(effect: Effect): void {
    switch (effect.do) {
      case 'judge':
        this.#write(effect.verdict)
        return
      case 'locate':
      case 'enrol':
      case 'leave':
        if (effect.do === 'enrol') this.epochs.push(effect.epoch)
        if (effect.do === 'leave') this.#write('pass')
        this.#errand = effect
        this.#errandTraits = this.state.membership?.traits
        return
      case 'forget':
        if (effect.cgroup !== undefined && effect.cgroup === this.cgroupId) this.verdict = 'none'
        if (effect.netns !== undefined) this.entries.delete(effect.netns)
        if (effect.netns !== undefined) this.prepared.delete(effect.netns)
        this.#errand = undefined
        return
      case 'retry-later':
        this.#timers.push({ kind: 'retry', epoch: effect.epoch })
        return
      case 'watch-hold':
        this.#timers.push({ kind: 'overdue', epoch: effect.epoch })
        return
      case 'announce':
    }
  }

  #answer(well: boolean): void {
    const errand = this.#errand
    if (errand === undefined) return
    this.#errand = undefined
    const { epoch } = errand
    switch (errand.do) {
      case 'locate':
        if (!well) {
          this.#hear({ kind: 'enrol-failed', error: 'EMFILE', epoch })
          return
        }
        if (this.process === undefined) this.#seen.clear()
        this.#hear({ kind: 'located', netns: this.process, epoch })
        return
      case 'enrol': {
        const { netns } = this.state
        if (netns !== undefined) this.prepared.add(netns)
        if (this.process === undefined) this.#seen.clear()
        if (!well || netns !== this.process) {
          this.#hear({ kind: 'enrol-failed', error: 'nack', epoch })
          return
        }
        this.traits = this.#errandTraits
        this.#write('steer')
        this.#hear({ kind: 'enrolled', epoch })
        return
      }
      case 'leave':
        if (!well) {
          this.#hear({ kind: 'leave-failed', error: 'EROFS', epoch })
          return
        }
        if (this.state.netns !== undefined) this.prepared.delete(this.state.netns)
        this.#hear({ kind: 'left', epoch })
        return
    }
  }

  #write(verdict: Verdict): void {
    const { netns, cgroup: known } = this.state
    if (netns !== undefined && known !== undefined) this.entries.add(netns)
    if (known?.id !== this.cgroupId || known === undefined) return
    this.verdict = verdict
    this.history.push(verdict)
  }
}
