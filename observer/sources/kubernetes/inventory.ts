// SPDX-License-Identifier: Apache-2.0
// What was told of a resource, so that a list tells only what those who listen do not know.

import type { SluiceError } from '../../errors/error.ts'
import type { Decoded, Versioned } from './resource.ts'

export type Change<T> =
  | { readonly kind: 'set'; readonly value: T }
  | { readonly kind: 'gone'; readonly value: T }
  | { readonly kind: 'problem'; readonly origin: string; readonly error: SluiceError }
  | { readonly kind: 'mended'; readonly origin: string }

export class Inventory<T> {
  readonly #told = new Map<string, Versioned<T>>()
  readonly #unclear = new Set<string>()

  /** One object is there, new or changed. One that cannot be read stays what it was. */
  put(decoded: Decoded<T>): Change<T>[] {
    if (decoded.kind === 'problem') {
      this.#unclear.add(decoded.origin)
      return [decoded]
    }
    const { origin, uid, version, value } = decoded.object
    const former = this.#told.get(origin)
    const mended = this.#mended(origin)
    if (former?.version === version) return mended
    this.#told.set(origin, decoded.object)
    // Another object of the same name: a StatefulSet's pod, whose end no event has told.
    const gone: Change<T>[] =
      former === undefined || former.uid === uid ? [] : [{ kind: 'gone', value: former.value }]
    return [...mended, ...gone, { kind: 'set', value }]
  }

  remove(origin: string): Change<T>[] {
    const former = this.#told.get(origin)
    this.#told.delete(origin)
    return [
      ...this.#mended(origin),
      ...(former === undefined ? [] : [{ kind: 'gone', value: former.value } as const])
    ]
  }

  /** Everything there is. What went comes before what came. */
  replace(items: readonly Decoded<T>[]): Change<T>[] {
    const origins = new Set(items.map(originOf))
    const gone = [...this.#told.keys(), ...this.#unclear].filter((origin) => !origins.has(origin))
    return [
      ...gone.flatMap((origin) => this.remove(origin)),
      ...items.flatMap((decoded) => this.put(decoded))
    ]
  }

  #mended(origin: string): Change<T>[] {
    return this.#unclear.delete(origin) ? [{ kind: 'mended', origin }] : []
  }
}

export function originOf(decoded: Decoded<unknown>): string {
  return decoded.kind === 'problem' ? decoded.origin : decoded.object.origin
}
