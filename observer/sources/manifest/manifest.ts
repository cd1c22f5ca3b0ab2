// SPDX-License-Identifier: Apache-2.0
// Pods and namespaces from a directory of ordinary Kubernetes YAML.

import { asyncScheduler, defer, merge, type SchedulerLike } from 'rxjs'
import type { PodSource } from '../source.ts'
import { succeeded } from './collection.ts'
import { Listing } from './listing.ts'
import { names } from './names.ts'
import { listManifests, manifestReader } from './read.ts'
import { settle } from './settle.ts'
import { told } from './told.ts'
import { type Content, patience } from './trust.ts'
import { watchDirectory } from './watch.ts'

const FIRST_WITHIN_MS = 500
// Twice as long as a file that took another's place and says less is doubted.
const TOGETHER_MS = 20

/**
 * The files directly in `directory`: `.yaml`, `.yml`, `.json`, with Pod, Namespace and List documents. A writer
 * that renames a whole file into place is followed fastest; one that writes in place is waited for.
 */
export function manifestSource(directory: string, scheduler: SchedulerLike = asyncScheduler): PodSource {
  const events$ = defer(() => {
    const listing = new Listing(directory, () => listManifests(directory), scheduler)
    const files$ = merge(watchDirectory(directory, scheduler), listing.again$).pipe(
      names(() => listing.list()),
      settle<Content>({
        read: manifestReader(directory),
        isSame: (one, other) => one?.text === other?.text,
        patience,
        take: (former, seen) => ({ ...seen, parsed: succeeded(former?.parsed, seen.parsed) }),
        togetherMs: TOGETHER_MS,
        firstWithinMs: FIRST_WITHIN_MS,
        scheduler
      }),
      told()
    )
    return merge(listing.events$, files$)
  })
  return { name: 'manifest', events$ }
}
