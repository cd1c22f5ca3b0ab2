// SPDX-License-Identifier: Apache-2.0
// What was told of a resource, so that a list tells only what those who listen do not know.

import { SluiceError } from '../../errors/error.ts'
import type { Decoded, Versioned } from './resource.ts'

export type Change<T> =
  | { readonly kind: 'set'; readonly value: T }
  | { readonly kind: 'gone'; readonly value: T }
  | { readonly kind: 'problem'; readonly origin: string; readonly error: SluiceError }
  | { readonly kind: 'mended'; readonly origin: string }

export class Inventory<T> {
  readonly #told = new Map<string, Versioned<T>>()
  readonly #unclear = new Set<string>()
  /** By uid: the address of the object that was told with it first. */
  readonly #first = new Map<string, string>()
  /** By address: the uid of an object that has that of another. A mirror pod's is an annotation. */
  readonly #copies = new Map<string, string>()

  /** One object is there, new or changed. One that cannot be read stays what it was. */
  put(decoded: Decoded<T>): Change<T>[] {
    if (decoded.kind === 'problem') {
      this.#unclear.add(decoded.origin)
      return [decoded]
    }
    const { origin, uid, version, value } = decoded.object
    const first = this.#first.get(uid) ?? origin
    if (first !== origin) return this.#refuse(decoded.object, first)
    const former = this.#told.get(origin)
    const mended = this.#mended(origin)
    if (former?.version === version) return mended
    this.#told.set(origin, decoded.object)
    this.#first.set(uid, origin)
    if (former !== undefined) this.#release(former.uid)
    // Another object of the same name: a StatefulSet's pod, whose end no event has told.
    const gone: Change<T>[] =
      former === undefined || former.uid === uid ? [] : [{ kind: 'gone', value: former.value }]
    return [...mended, ...gone, { kind: 'set', value }]
  }

  remove(origin: string): Change<T>[] {
    const former = this.#told.get(origin)
    this.#told.delete(origin)
    if (former !== undefined) this.#release(former.uid)
    return [
      ...this.#mended(origin),
      ...(former === undefined ? [] : [{ kind: 'gone', value: former.value } as const])
    ]
  }

  /** Everything there is. What went comes before what came, and of what came the oldest: a copy is younger. */
  replace(items: readonly Decoded<T>[]): Change<T>[] {
    const origins = new Set(items.map(originOf))
    const known = [...this.#told.keys(), ...this.#unclear, ...this.#copies.keys()]
    const gone = known.filter((origin) => !origins.has(origin))
    return [
      ...gone.flatMap((origin) => this.remove(origin)),
      ...items.toSorted(byAge).flatMap((decoded) => this.put(decoded))
    ]
  }

  #refuse({ origin, uid }: Versioned<T>, first: string): Change<T>[] {
    if (this.#copies.get(origin) === uid) return []
    const gone = this.remove(origin)
    this.#copies.set(origin, uid)
    const error = new SluiceError('SLUICE_ERR_KUBERNETES_DUPLICATE', { origin, uid, other: first })
    return [...gone, { kind: 'problem', origin, error }]
  }

  #mended(origin: string): Change<T>[] {
    const uid = this.#copies.get(origin)
    this.#copies.delete(origin)
    if (uid !== undefined) this.#release(uid)
    const wasUnclear = this.#unclear.delete(origin)
    return uid !== undefined || wasUnclear ? [{ kind: 'mended', origin }] : []
  }

  /** A uid stays the first object's while there are copies, also when it is gone: none of them takes its place. */
  #release(uid: string): void {
    const first = this.#told.get(this.#first.get(uid) ?? '')
    if (first?.uid !== uid && !this.#copies.values().some((copied) => copied === uid)) this.#first.delete(uid)
  }
}

function byAge(one: Decoded<unknown>, other: Decoded<unknown>): number {
  const [a, b] = [one, other].map((each) => (each.kind === 'object' ? each.object.created : ''))
  return a === b ? 0 : (a ?? '') < (b ?? '') ? -1 : 1
}

export function originOf(decoded: Decoded<unknown>): string {
  return decoded.kind === 'problem' ? decoded.origin : decoded.object.origin
}
