// SPDX-License-Identifier: Apache-2.0
// The promises behind offer() and withdraw(): settled by what the registry knows, whichever event changed it.

import { SluiceError } from '../errors/error.ts'
import { podRef } from '../pods/pod.ts'
import type { Registry } from './registry.ts'
import type { Offer } from './workload.ts'

interface Waiting<T> {
  readonly subject: T
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: SluiceError) => void
}

export class Offers {
  readonly #registry: Registry
  readonly #offered = new Map<string, Waiting<Offer>>()
  readonly #withdrawn = new Map<string, Waiting<string>>()

  constructor(registry: Registry) {
    this.#registry = registry
  }

  /** Resolves on the newest ztunnel's ack, rejects on its nack or when the offer is superseded. */
  make(offer: Offer): Promise<void> {
    const standing = this.#registry.offer(offer)
    const former = this.#offered.get(offer.uid)
    if (former?.subject === standing) return former.promise
    this.#abandon(former)
    return wait(this.#offered, offer.uid, standing)
  }

  /** Resolves when no connected ztunnel still has to ack it. */
  withdraw(uid: string): Promise<void> {
    this.#abandon(this.#offered.get(uid))
    this.#offered.delete(uid)
    this.#registry.withdraw(uid)
    return this.#withdrawn.get(uid)?.promise ?? wait(this.#withdrawn, uid, uid)
  }

  settle(): void {
    for (const [uid, { resolve, reject }] of this.#offered) {
      const answer = this.#registry.answerFor(uid)
      if (answer === undefined) continue
      this.#offered.delete(uid)
      if (answer.kind === 'ack') resolve()
      else reject(answer.error)
    }
    for (const [uid, { resolve }] of this.#withdrawn) {
      if (!this.#registry.isWithdrawn(uid)) continue
      this.#withdrawn.delete(uid)
      resolve()
    }
  }

  close(): void {
    for (const { subject, reject } of this.#offered.values()) {
      reject(new SluiceError('SLUICE_ERR_ZDS_CLOSED', { pod: podRef(subject) }))
    }
    for (const { resolve } of this.#withdrawn.values()) resolve()
    this.#offered.clear()
    this.#withdrawn.clear()
  }

  #abandon(former: Waiting<Offer> | undefined): void {
    former?.reject(new SluiceError('SLUICE_ERR_ZDS_WITHDRAWN', { pod: podRef(former.subject) }))
  }
}

function wait<T>(waiting: Map<string, Waiting<T>>, uid: string, subject: T): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  waiting.set(uid, { subject, promise, resolve, reject })
  return promise
}
