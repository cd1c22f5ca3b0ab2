// SPDX-License-Identifier: Apache-2.0

import { map, type Observable, type SchedulerLike } from 'rxjs'
import * as z from 'zod'
import type { KubernetesApi, StreamPart } from '../../kubernetes/api.ts'
import { watchFailure } from '../../kubernetes/failure.ts'
import { alive } from './alive.ts'
import { selectorOf } from './listing.ts'
import type { Decoded, Resource } from './resource.ts'

export type WatchEvent<T> =
  /** The server has agreed to tell. */
  | { readonly kind: 'opened' }
  /** Nothing has changed up to this version. */
  | { readonly kind: 'bookmark'; readonly version: string }
  | { readonly kind: 'changed' | 'deleted'; readonly decoded: Decoded<T>; readonly version: string }

export interface WatchTiming {
  /** From 0 to 1: the agents of all nodes must not renew at the same moment. */
  readonly random: () => number
  readonly scheduler: SchedulerLike
}

const SHORTEST_S = 300
const LONGEST_S = 600
/** What the server ends late, a dead connection never ends. */
const GRACE_MS = 30_000
/** Bookmarks come about every minute where they come at all. */
const SILENCE_MS = 180_000

const eventSchema = z.object({ type: z.string(), object: z.unknown() })
const versionSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) })

/**
 * What changes after `version`, until the server ends the watch.
 * Errors with ApiFailure, status 410 when the server has forgotten that version.
 */
export function watching<T>(
  api: Pick<KubernetesApi, 'stream'>,
  resource: Resource<T>,
  version: string,
  { random, scheduler }: WatchTiming
): Observable<WatchEvent<T>> {
  const seconds = Math.round(SHORTEST_S + random() * (LONGEST_S - SHORTEST_S))
  const query = {
    ...selectorOf(resource),
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(seconds),
    resourceVersion: version
  }
  const accept = resource.accept === undefined ? {} : { accept: resource.accept.watch }
  return api.stream({ path: resource.path, query, ...accept }).pipe(
    map((part) => watchEvent(part, resource)),
    alive({
      isSign: ({ kind }) => kind === 'bookmark',
      silenceMs: SILENCE_MS,
      lifeMs: seconds * 1_000 + GRACE_MS,
      scheduler
    })
  )
}

function watchEvent<T>(part: StreamPart, resource: Resource<T>): WatchEvent<T> {
  if (part.kind === 'opened') return part
  const { type, object } = eventSchema.parse(part.value)
  if (type === 'ERROR') throw watchFailure(object)
  const version = versionSchema.parse(object).metadata.resourceVersion
  if (type === 'BOOKMARK') return { kind: 'bookmark', version }
  return { kind: type === 'DELETED' ? 'deleted' : 'changed', decoded: resource.decode(object), version }
}
