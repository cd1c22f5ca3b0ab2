// SPDX-License-Identifier: Apache-2.0
// Pods of this node and all namespaces from the API server.

import {
  asyncScheduler,
  concatMap,
  defer,
  from,
  map,
  merge,
  type Observable,
  type OperatorFunction,
  of,
  type SchedulerLike
} from 'rxjs'
import { SluiceError } from '../../errors/error.ts'
import type { KubernetesApi } from '../../kubernetes/api.ts'
import type { ApiFailure } from '../../kubernetes/failure.ts'
import type { PodSource, SourceEvent } from '../source.ts'
import { NAMESPACES, podsOf } from './decode.ts'
import { type Followed, type FollowOptions, follow } from './follow.ts'
import { namespaceFirst } from './namespace-first.ts'
import type { Resource } from './resource.ts'

export interface KubernetesSourceOptions {
  readonly api: Pick<KubernetesApi, 'server' | 'answer' | 'stream'>
  /** As the API server calls this node. */
  readonly nodeName: string
  readonly scheduler?: SchedulerLike
  readonly random?: () => number
}

/** Two watches and, at the start, two lists: nothing else is asked while nothing changes. */
export function kubernetesSource({
  api,
  nodeName,
  scheduler = asyncScheduler,
  random = Math.random
}: KubernetesSourceOptions): PodSource {
  const options: FollowOptions = {
    api,
    scheduler,
    random,
    problem: (resource, failure) => problemOf(resource, failure, api.server)
  }
  const events$ = defer(() => {
    const namespace$ = of(NAMESPACES).pipe(
      follow(options),
      told(
        (namespace) => ({ kind: 'namespace', namespace }),
        ({ name }) => ({ kind: 'namespace-gone', name })
      )
    )
    const pod$ = of(podsOf(nodeName)).pipe(
      follow(options),
      told(
        (pod) => ({ kind: 'pod', pod }),
        ({ uid }) => ({ kind: 'pod-gone', uid })
      )
    )
    return merge(namespace$, pod$).pipe(namespaceFirst(), syncedOnce(2))
  })
  return { name: 'kubernetes', events$ }
}

function told<T>(
  set: (value: T) => SourceEvent,
  gone: (value: T) => SourceEvent
): OperatorFunction<Followed<T>, SourceEvent> {
  return map((event) => {
    switch (event.kind) {
      case 'set':
        return set(event.value)
      case 'gone':
        return gone(event.value)
      default:
        return event
    }
  })
}

/** `synced` of every resource becomes one. */
function syncedOnce(resources: number): OperatorFunction<SourceEvent, SourceEvent> {
  return (events$) =>
    defer(() => {
      let missing = resources
      return events$.pipe(
        concatMap((event): Observable<SourceEvent> => {
          if (event.kind !== 'synced') return of(event)
          missing -= 1
          return from(missing === 0 ? [event] : [])
        })
      )
    })
}

const DENIED = [401, 403]

function problemOf(resource: Resource<unknown>, failure: ApiFailure, server: string): SluiceError {
  const denied = DENIED.includes(failure.status)
  const code = denied ? 'SLUICE_ERR_KUBERNETES_DENIED' : 'SLUICE_ERR_KUBERNETES_ANSWER'
  return new SluiceError(code, { resource: resource.name, server }, failure)
}
