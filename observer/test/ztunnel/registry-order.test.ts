// SPDX-License-Identifier: Apache-2.0
// The registry against a model of ztunnel, in whatever order things happen.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Request } from '../../ztunnel/bytes.ts'
import { Registry } from '../../ztunnel/registry.ts'
import { offerOf } from './pods.ts'

/** What ztunnel does with requests, as far as pods are concerned. */
class Ztunnel {
  /** The network namespace of each pod that has a proxy. */
  readonly proxies = new Map<string, string>()
  readonly #named = new Set<string>()
  #snapshotReceived = false

  hear(request: Request): void {
    if (request.kind === 'snapshot') {
      expect(this.#snapshotReceived).toBe(false)
      for (const uid of this.proxies.keys()) if (!this.#named.has(uid)) this.proxies.delete(uid)
      this.#snapshotReceived = true
    } else if (request.kind === 'add') {
      this.#named.add(request.offer.uid)
      this.proxies.set(request.offer.uid, request.offer.netns)
    } else if (request.kind === 'keep') {
      expect(this.#snapshotReceived).toBe(false)
      this.#named.add(request.uid)
    } else {
      this.#named.delete(request.uid)
      // Before the snapshot a Del only takes the name back.
      if (this.#snapshotReceived) this.proxies.delete(request.uid)
    }
  }

  /** Whom the snapshot will spare. */
  isNamed(uid: string): boolean {
    return this.#named.has(uid)
  }
}

/** A registry, what its caller wants, and the ztunnels that it speaks to. */
class Node {
  readonly registry = new Registry()
  readonly offered = new Map<string, string>()
  readonly kept = new Set<string>()
  readonly peers: { readonly id: number; readonly ztunnel: Ztunnel }[] = []
  isComplete = false
  #lastId = 0

  offer(uid: string, netns: string): void {
    this.registry.offer(offerOf(uid, netns))
    this.offered.set(uid, netns)
    this.kept.delete(uid)
  }

  withdraw(uid: string): void {
    this.registry.withdraw(uid)
    this.offered.delete(uid)
    this.kept.delete(uid)
  }

  keep(uid: string): void {
    this.registry.keep(uid)
    if (!this.offered.has(uid)) this.kept.add(uid)
  }

  join(): void {
    this.#lastId += 1
    this.peers.push({ id: this.#lastId, ztunnel: new Ztunnel() })
    this.registry.join(this.#lastId)
  }

  leave(which: number): void {
    for (const { id } of this.peers.splice(which, 1)) this.registry.leave(id)
  }

  complete(): void {
    this.registry.complete()
    this.isComplete = true
  }

  /** One request and its answer. False: this ztunnel is not there, or has been told everything. */
  turn(which: number): boolean {
    const peer = this.peers[which]
    const request = peer === undefined ? undefined : this.registry.next(peer.id)
    if (peer === undefined || request === undefined) return false
    if (request.kind === 'snapshot') {
      expect(this.isComplete).toBe(true)
      for (const uid of [...this.offered.keys(), ...this.kept]) expect(peer.ztunnel.isNamed(uid)).toBe(true)
    }
    peer.ztunnel.hear(request)
    this.registry.answered(peer.id, request, { kind: 'ack' })
    return true
  }

  settle(): void {
    while (this.peers.some((_, which) => this.turn(which)));
  }
}

const uid = fc.constantFrom('a', 'b', 'c', 'd')
const which = fc.nat(3)
const happening = fc.oneof(
  fc.record({ kind: fc.constant('offer' as const), uid, netns: fc.constantFrom('1', '2') }),
  fc.record({ kind: fc.constantFrom('withdraw' as const, 'keep' as const), uid }),
  fc.record({ kind: fc.constantFrom('join' as const, 'complete' as const) }),
  fc.record({ kind: fc.constantFrom('leave' as const, 'turn' as const), which })
)
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never

function happen(node: Node, event: Happening): void {
  switch (event.kind) {
    case 'offer':
      node.offer(event.uid, event.netns)
      break
    case 'withdraw':
    case 'keep':
      node[event.kind](event.uid)
      break
    case 'join':
    case 'complete':
      node[event.kind]()
      break
    case 'leave':
      node.leave(event.which)
      break
    case 'turn':
      node.turn(event.which)
  }
}

it('no ztunnel ends a wanted proxy, and the newest ends up with exactly what is wanted', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 60 }), (events) => {
      const node = new Node()
      for (const event of events) happen(node, event)
      node.complete()
      node.settle()
      const newest = node.peers.at(-1)
      for (const [pod] of node.offered)
        expect(node.registry.answerFor(pod)?.kind).toBe(newest === undefined ? undefined : 'ack')
      if (newest === undefined) return
      // A pod that is kept may still have the proxy that an Add before the snapshot started.
      const proxies = [...newest.ztunnel.proxies].filter(([pod]) => !node.kept.has(pod))
      expect(new Map(proxies)).toEqual(node.offered)
    }),
    { numRuns: 3000 }
  )
})
