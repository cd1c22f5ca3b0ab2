// SPDX-License-Identifier: Apache-2.0
// The join: cgroups and network namespaces from process events on one side, pods and namespaces from the
// source on the other, both by pod uid. Each fact is routed to its pod's state machine.

import type { Membership } from '../membership/membership.ts'
import { RETIRED } from '../membership/retired.ts'
import type { ProcessEvent } from '../processes/process-event.ts'
import type { SourceEvent } from '../sources/source.ts'
import type { Effect, Input } from './effect.ts'
import { step } from './machine.ts'
import type { Namespace, Pod, PodUid } from './pod.ts'
import { type PodState, unseen } from './state.ts'

/** The answer to an effect. */
export interface Answer {
  readonly kind: 'answer'
  readonly uid: PodUid
  readonly input: Input
}

export type Fact = Exclude<SourceEvent, { kind: 'problem' | 'mended' }> | ProcessEvent | Answer

/** One step of one pod. */
export interface Move {
  /** After the step. */
  readonly state: PodState
  readonly effects: readonly Effect[]
}

export interface RosterOptions {
  readonly strict: boolean
  readonly select: (pod: Pod, namespace: Namespace | undefined) => Membership
  /** Unix milliseconds. */
  readonly now: () => number
}

export class Roster {
  readonly #options: RosterOptions
  readonly #pods = new Map<PodUid, PodState>()
  readonly #namespaces = new Map<string, Namespace>()
  readonly #uids = new Map<bigint, PodUid>()
  /** Above every epoch of a pod that is gone: late answers are not its successor's. */
  #epoch = 0
  #retired = false
  /** Resolves when the source has told everything that existed when the agent started. */
  readonly synced: Promise<void>
  #announceSynced: () => void = () => undefined

  constructor(options: RosterOptions) {
    this.#options = options
    this.synced = new Promise((resolve) => {
      this.#announceSynced = resolve
    })
  }

  get states(): readonly PodState[] {
    return [...this.#pods.values()]
  }

  find(uid: PodUid): PodState | undefined {
    return this.#pods.get(uid)
  }

  hear(fact: Fact): readonly Move[] {
    switch (fact.kind) {
      case 'pod':
        return this.#judge(fact.pod)
      case 'pod-gone':
        return this.#step(fact.uid, { kind: 'unlisted' })
      case 'namespace':
        this.#namespaces.set(fact.namespace.name, fact.namespace)
        return this.#judgeNamespace(fact.namespace.name)
      case 'namespace-gone':
        this.#namespaces.delete(fact.name)
        return this.#judgeNamespace(fact.name)
      case 'synced':
        this.#announceSynced()
        return []
      case 'retired':
        this.#retired = true
        return this.states.flatMap((state) => (remains(state) ? [] : this.#step(state.uid, fact)))
      case 'cgroup-found':
        this.#uids.set(fact.cgroup.id, fact.cgroup.uid)
        return this.#step(fact.cgroup.uid, fact)
      case 'cgroup-gone':
        return this.#cgroupGone(fact.id)
      case 'cgroup-rival':
        return []
      case 'netns-seen': {
        const uid = this.#uids.get(fact.cgroup)
        return uid === undefined ? [] : this.#step(uid, { kind: 'netns-seen', netns: fact.netns })
      }
      case 'answer':
        return this.#pods.has(fact.uid) ? this.#step(fact.uid, fact.input) : []
    }
  }

  #judge(pod: Pod): readonly Move[] {
    const leaves = this.#retired && !remains(this.#pods.get(pod.uid))
    const membership = leaves ? RETIRED : this.#options.select(pod, this.#namespaces.get(pod.namespace))
    return this.#step(pod.uid, { kind: 'judged', pod, membership })
  }

  #judgeNamespace(name: string): readonly Move[] {
    const pods = this.states.flatMap(({ pod, listed }) => (listed && pod?.namespace === name ? [pod] : []))
    return pods.flatMap((pod) => this.#judge(pod))
  }

  #cgroupGone(id: bigint): readonly Move[] {
    const uid = this.#uids.get(id)
    this.#uids.delete(id)
    /* A pod that was made again under the same uid has another cgroup by now. */
    if (uid === undefined || this.#pods.get(uid)?.cgroup?.id !== id) return []
    return this.#step(uid, { kind: 'cgroup-gone' })
  }

  #step(uid: PodUid, input: Input): readonly Move[] {
    const now = this.#options.now()
    const before = this.#pods.get(uid) ?? { ...unseen(uid, now), epoch: this.#epoch }
    const { state, effects } = step(before, input, { now, strict: this.#options.strict })
    if (state.cgroup === undefined && state.membership === undefined) {
      this.#pods.delete(uid)
      this.#epoch = Math.max(this.#epoch, state.epoch)
    } else this.#pods.set(uid, state)
    return state === before && effects.length === 0 ? [] : [{ state, effects }]
  }
}

/** istio-cni's rules stay in the pod: without its proxy it would have no connections at all. */
function remains(state: PodState | undefined): boolean {
  return state?.capturedByIstio === true
}
