// SPDX-License-Identifier: Apache-2.0

import { concatMap, defer, from, map, type ObservableInput, type OperatorFunction, of } from 'rxjs'
import type { DirectoryChange } from './watch.ts'

/** Changes become names to look at. `all` is every name there is and every name there was. */
export function names(
  list: () => ObservableInput<readonly string[]>
): OperatorFunction<DirectoryChange, readonly string[]> {
  return (changes$) =>
    defer(() => {
      const known = new Set<string>()
      const noted = (found: readonly string[]) => {
        for (const name of found) known.add(name)
        return found
      }
      return changes$.pipe(
        concatMap((change) =>
          change === 'all'
            ? from(list()).pipe(
                map((found) => {
                  const both = [...new Set([...found, ...known])]
                  known.clear()
                  noted(found)
                  return both
                })
              )
            : of(noted([change.name]))
        )
      )
    })
}
