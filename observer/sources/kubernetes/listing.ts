// SPDX-License-Identifier: Apache-2.0

import { EMPTY, expand, map, type Observable, reduce } from 'rxjs'
import * as z from 'zod'
import type { KubernetesApi } from '../../kubernetes/api.ts'
import type { Decoded, Resource } from './resource.ts'

/** Everything of a resource at one moment. */
export interface Listing<T> {
  readonly items: readonly Decoded<T>[]
  /** From here on a watch tells what changes. */
  readonly version: string
}

/** A page is decoded before the next one is asked for, so that the JSON of all pods is never held at once. */
const PAGE = '100'

const pageSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish()
})

/**
 * All pages of a list as one value.
 * @param latest false: what the API server remembers will do, which costs the database nothing
 */
export function listing<T>(
  api: Pick<KubernetesApi, 'answer'>,
  resource: Resource<T>,
  latest: boolean
): Observable<Listing<T>> {
  const page = (query: Record<string, string>) =>
    api
      .answer({
        path: resource.path,
        query: { ...selectorOf(resource), limit: PAGE, ...query },
        ...(resource.accept === undefined ? {} : { accept: resource.accept.list })
      })
      .pipe(
        map((json) => {
          const { metadata, items } = pageSchema.parse(json)
          return {
            items: (items ?? []).map((item) => resource.decode(item)),
            version: metadata.resourceVersion,
            next: metadata.continue ?? ''
          }
        })
      )
  return page(latest ? {} : { resourceVersion: '0' }).pipe(
    expand(({ next }) => (next === '' ? EMPTY : page({ continue: next }))),
    reduce<{ items: Decoded<T>[]; version: string }, Listing<T> & { items: Decoded<T>[] }>(
      (all, { items, version }) => {
        all.items.push(...items)
        return { items: all.items, version }
      },
      { items: [], version: '' }
    )
  )
}

export function selectorOf({ fieldSelector }: Resource<unknown>): Record<string, string> {
  return fieldSelector === undefined ? {} : { fieldSelector }
}
