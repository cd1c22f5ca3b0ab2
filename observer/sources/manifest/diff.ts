// SPDX-License-Identifier: Apache-2.0

import { isDeepStrictEqual } from 'node:util'
import type { SourceEvent } from '../source.ts'
import type { Collection } from './collection.ts'

/**
 * What has happened between two collections. A pod that went comes before one that came, so that a name passes
 * from one uid to the next; a namespace comes before its pods and goes after them.
 */
export function diff(previous: Collection, next: Collection): SourceEvent[] {
  return [
    ...missing(previous.pods, next.pods).map((uid): SourceEvent => ({ kind: 'pod-gone', uid })),
    ...changed(previous.namespaces, next.namespaces).map(
      (namespace): SourceEvent => ({ kind: 'namespace', namespace })
    ),
    ...changed(previous.pods, next.pods).map((pod): SourceEvent => ({ kind: 'pod', pod })),
    ...missing(previous.namespaces, next.namespaces).map(
      (name): SourceEvent => ({ kind: 'namespace-gone', name })
    ),
    ...missing(previous.problems, next.problems).map((origin): SourceEvent => ({ kind: 'mended', origin })),
    ...[...next.problems].flatMap(([origin, error]): SourceEvent[] =>
      previous.problems.get(origin)?.message === error.message ? [] : [{ kind: 'problem', origin, error }]
    )
  ]
}

function missing<K>(previous: ReadonlyMap<K, unknown>, next: ReadonlyMap<K, unknown>): K[] {
  return [...previous.keys()].filter((key) => !next.has(key))
}

function changed<K, V>(previous: ReadonlyMap<K, V>, next: ReadonlyMap<K, V>): V[] {
  return [...next].filter(([key, value]) => !isEqual(previous.get(key), value)).map(([, value]) => value)
}

// Files that were not read again give the same objects: only the others are worth a comparison.
function isEqual(one: unknown, other: unknown): boolean {
  return one === other || isDeepStrictEqual(one, other)
}
