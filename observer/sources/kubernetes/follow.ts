// SPDX-License-Identifier: Apache-2.0

import {
  catchError,
  concat,
  defer,
  from,
  map,
  mergeMap,
  type Observable,
  type OperatorFunction,
  of,
  repeat,
  retry,
  type SchedulerLike,
  throwError,
  timer
} from 'rxjs'
import type { SluiceError } from '../../errors/error.ts'
import type { KubernetesApi } from '../../kubernetes/api.ts'
import { type Backoff, delayMs } from '../../kubernetes/backoff.ts'
import { ApiFailure, unanswered } from '../../kubernetes/failure.ts'
import { type Change, Inventory, originOf } from './inventory.ts'
import { type Listing, listing } from './listing.ts'
import type { Resource } from './resource.ts'
import { type WatchEvent, watching } from './watching.ts'

export type Followed<T> =
  | Change<T>
  /** Everything that existed has been told. Once. */
  | { readonly kind: 'synced' }

export interface FollowOptions {
  readonly api: Pick<KubernetesApi, 'answer' | 'stream'>
  readonly scheduler: SchedulerLike
  /** From 0 to 1. */
  readonly random: () => number
  /** What the operator is told while a resource cannot be followed. */
  readonly problem: (resource: Resource<unknown>, failure: ApiFailure) => SluiceError
}

const GONE = 410
/** A watch that lived for less without a word is a failure, however it ended. */
const STEADY_MS = 500
const WAIT = { firstMs: 200, lastMs: 30_000 }

/**
 * Resources become what changes in them: each is listed, then watched from the list's version on, and again from the
 * last version that was told whenever a watch ends. A list is repeated only when the server has forgotten that
 * version. Never errors and does not complete while the input does not: what was told stays true until the server
 * says otherwise.
 */
export function follow<T>(options: FollowOptions): OperatorFunction<Resource<T>, Followed<T>> {
  return mergeMap((resource) => defer(() => followed(resource, options)))
}

function followed<T>(resource: Resource<T>, options: FollowOptions): Observable<Followed<T>> {
  const { api, scheduler, random } = options
  const backoff: Backoff = { ...WAIT, random }
  const inventory = new Inventory<T>()
  /** Undefined: list. */
  let version: string | undefined
  let synced = false
  let failures = 0
  /** Unless the watch after a list is refused as well. */
  let listHelps = true
  let openedAt: number | undefined
  let troubled = false

  const mended = (): Followed<T>[] => {
    if (!troubled) return []
    troubled = false
    return [{ kind: 'mended', origin: resource.name }]
  }

  const listed = (all: Listing<T>): Followed<T>[] => {
    version = all.version
    if (listHelps) failures = 0
    const changes: Followed<T>[] = [...mended(), ...inventory.replace(all.items)]
    if (synced) return changes
    synced = true
    return [...changes, { kind: 'synced' }]
  }

  const heard = (event: WatchEvent<T>): Followed<T>[] => {
    if (event.kind === 'opened') {
      openedAt = scheduler.now()
      return mended()
    }
    version = event.version
    failures = 0
    listHelps = true
    if (event.kind === 'bookmark') return []
    return event.kind === 'deleted' ? inventory.remove(originOf(event.decoded)) : inventory.put(event.decoded)
  }

  const turn$ = defer((): Observable<Followed<T>[]> => {
    openedAt = undefined
    return version === undefined
      ? listing(api, resource, synced).pipe(map(listed))
      : watching(api, resource, version, { random, scheduler }).pipe(map(heard))
  })

  /** The next turn begins at once after one that went well. */
  const rest = (failure?: ApiFailure): Observable<unknown> => {
    const steady = openedAt !== undefined && scheduler.now() - openedAt >= STEADY_MS
    if (steady) failures = 0
    const listedJustNow = openedAt === undefined
    if (failure === undefined && (steady || listedJustNow)) return of(true)
    return timer(delayMs(backoff, failures++, failure), scheduler)
  }

  const troubles = (error: unknown): Observable<Followed<T>[]> => {
    const failure = unanswered(error)
    if (failure.status === GONE) {
      version = undefined
      listHelps = false
    }
    // A watch that was cut is opened again; if that fails, the operator is told.
    else if (openedAt === undefined && !troubled) {
      troubled = true
      const problem: Followed<T> = {
        kind: 'problem',
        origin: resource.name,
        error: options.problem(resource, failure)
      }
      return concat(
        of([problem]),
        throwError(() => failure)
      )
    }
    return throwError(() => failure)
  }

  return turn$.pipe(
    catchError(troubles),
    repeat({ delay: () => rest() }),
    retry({ delay: (error) => rest(error instanceof ApiFailure ? error : unanswered(error)) }),
    mergeMap((changes) => from(changes))
  )
}
