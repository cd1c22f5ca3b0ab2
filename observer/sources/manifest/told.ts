// SPDX-License-Identifier: Apache-2.0

import { defer, map, mergeAll, type OperatorFunction } from 'rxjs'
import type { SourceEvent } from '../source.ts'
import { collect, EMPTY } from './collection.ts'
import { diff } from './diff.ts'
import type { Parsed } from './parse.ts'
import type { Taken } from './settle.ts'

/** Batches of files become what they change; `synced` follows the first. */
export function told(): OperatorFunction<readonly Taken<{ readonly parsed: Parsed }>[], SourceEvent> {
  return (batches$) =>
    defer(() => {
      const files = new Map<string, Parsed>()
      let collection = EMPTY
      return batches$.pipe(
        map((batch, index) => {
          for (const [name, content] of batch) {
            if (content === undefined) files.delete(name)
            else files.set(name, content.parsed)
          }
          const previous = collection
          collection = collect(files)
          const events = diff(previous, collection)
          return index === 0 ? [...events, { kind: 'synced' } as const] : events
        }),
        mergeAll()
      )
    })
}
