// SPDX-License-Identifier: Apache-2.0
// What every connected ztunnel has been told, and so what each must be told next. No queue: the next request
// is derived from what is wanted, so nothing stale is ever sent and a lost connection loses nothing. Pure.

import type { SluiceError } from '../errors/error.ts'
import type { Request } from './bytes.ts'
import type { Answer } from './conversation.ts'
import type { Offer } from './workload.ts'

interface Peer {
  readonly id: number
  snapshotSent: boolean
  /** How it answered the last Add of each uid. */
  readonly answers: Map<string, { readonly offer: Offer; readonly answer: Answer }>
  readonly kept: Set<string>
  /** Withdrawn, and not yet acked by it. */
  readonly dels: Set<string>
}

export class Registry {
  readonly #offers = new Map<string, Offer>()
  readonly #keeps = new Set<string>()
  /** Offers that ztunnel refused outright: kept, but not sent again before the caller says so. */
  readonly #refused = new Map<string, SluiceError>()
  /** In the order of their coming: the newest is last. */
  readonly #peers: Peer[] = []
  #complete = false

  /** A connection that may be spoken to. */
  join(id: number): void {
    this.#peers.push({ id, snapshotSent: false, answers: new Map(), kept: new Set(), dels: new Set() })
  }

  /** A connection has ended. The one before it becomes the newest and is owed the Adds that it missed. */
  leave(id: number): void {
    const index = this.#peers.findIndex((peer) => peer.id === id)
    if (index >= 0) this.#peers.splice(index, 1)
  }

  /** Every pod of the node has been offered or kept: ztunnel may end the proxies of all others. */
  complete(): void {
    this.#complete = true
  }

  /** The standing offer: the former one if it is of the same pod and netns. A nack is asked about again. */
  offer(offer: Offer): Offer {
    const former = this.#offers.get(offer.uid)
    this.#keeps.delete(offer.uid)
    this.#refused.delete(offer.uid)
    if (former !== undefined && isSame(former, offer)) {
      former.netnsFd = offer.netnsFd
      for (const peer of this.#peers) {
        if (peer.answers.get(offer.uid)?.answer.kind !== 'ack') peer.answers.delete(offer.uid)
      }
      return former
    }
    this.#offers.set(offer.uid, offer)
    return offer
  }

  /** The pod is in the mesh but its netns is not known: a snapshot must not end its proxy. */
  keep(uid: string): void {
    if (!this.#offers.has(uid)) this.#keeps.add(uid)
  }

  withdraw(uid: string): void {
    this.#offers.delete(uid)
    this.#keeps.delete(uid)
    this.#refused.delete(uid)
    for (const peer of this.#peers) {
      peer.answers.delete(uid)
      peer.kept.delete(uid)
      peer.dels.add(uid)
    }
  }

  /** Every connected ztunnel has acked the withdrawal. */
  isWithdrawn(uid: string): boolean {
    return this.#peers.every((peer) => !peer.dels.has(uid))
  }

  /** The newest ztunnel's answer to the standing offer of that pod. */
  answerFor(uid: string): Answer | undefined {
    const given = this.#peers.at(-1)?.answers.get(uid)
    return given !== undefined && given.offer === this.#offers.get(uid) ? given.answer : undefined
  }

  /** Why the newest ztunnel does not serve a pod that is offered to it; undefined while it has not answered. */
  refusal(uid: string): SluiceError | undefined {
    const answer = this.answerFor(uid)
    return answer === undefined || answer.kind === 'ack' ? this.#refused.get(uid) : answer.error
  }

  /** A request was answered. An answer about what is no longer wanted changes nothing. */
  answered(id: number, request: Request, answer: Answer): void {
    const peer = this.#peers.find((candidate) => candidate.id === id)
    if (peer === undefined) return
    switch (request.kind) {
      case 'add':
        this.#addAnswered(peer, request.offer, answer)
        return
      case 'keep':
        peer.kept.add(request.uid)
        return
      case 'del':
        peer.dels.delete(request.uid)
        peer.kept.delete(request.uid)
        return
      case 'snapshot':
        peer.snapshotSent = true
    }
  }

  /** What an idle connection is told next. */
  next(id: number): Request | undefined {
    const peer = this.#peers.find((candidate) => candidate.id === id)
    if (peer === undefined) return undefined
    for (const uid of peer.dels) return { kind: 'del', uid }
    // Before its snapshot also an older ztunnel hears of every pod: what it has not heard of, it ends.
    if (!peer.snapshotSent || peer === this.#peers.at(-1)) {
      for (const offer of this.#offers.values()) {
        if (!this.#refused.has(offer.uid) && peer.answers.get(offer.uid)?.offer !== offer)
          return { kind: 'add', offer }
      }
    }
    if (peer.snapshotSent) return undefined
    for (const uid of this.#keeps.union(this.#refused)) {
      if (!peer.kept.has(uid)) return { kind: 'keep', uid }
    }
    return this.#complete ? { kind: 'snapshot' } : undefined
  }

  #addAnswered(peer: Peer, offer: Offer, answer: Answer): void {
    if (this.#offers.get(offer.uid) !== offer) return
    peer.answers.set(offer.uid, { offer, answer })
    // A pod whose message makes ztunnel hang up would be sent again and again, and no pod behind it ever.
    if (answer.kind === 'refused' && peer === this.#peers.at(-1)) this.#refused.set(offer.uid, answer.error)
  }
}

function isSame(one: Offer, other: Offer): boolean {
  return (
    one.netns === other.netns &&
    one.name === other.name &&
    one.namespace === other.namespace &&
    one.serviceAccount === other.serviceAccount
  )
}
