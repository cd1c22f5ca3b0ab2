// SPDX-License-Identifier: Apache-2.0
import type { Subscription } from 'rxjs'
import type { ApiRequest, KubernetesApi } from '../../observer/kubernetes/api.ts'
import type { Pod } from '../../observer/pods/pod.ts'
import { kubernetesSource } from '../../observer/sources/kubernetes/kubernetes.ts'
import type { SourceEvent } from '../../observer/sources/source.ts'
import { until } from './kube/until.ts'

/** The source, with every request that it makes; its watches may be made to end early. */
export class Follower {
  readonly requests: ApiRequest[] = []
  readonly events: SourceEvent[] = []
  readonly #subscription: Subscription
  #forgotten = false

  constructor(api: KubernetesApi, nodeName: string, watchSeconds?: number) {
    const noted = (request: ApiRequest): ApiRequest => {
      this.requests.push(request)
      if (request.query?.watch === undefined) return request
      const from = this.#forgotten && request.path === '/api/v1/pods' ? { resourceVersion: '1' } : {}
      if ('resourceVersion' in from) this.#forgotten = false
      const until = watchSeconds === undefined ? {} : { timeoutSeconds: String(watchSeconds) }
      return { ...request, query: { ...request.query, ...until, ...from } }
    }
    const counting: KubernetesApi = {
      server: api.server,
      answer: (request) => api.answer(noted(request)),
      stream: (request) => api.stream(noted(request))
    }
    this.#subscription = kubernetesSource({ api: counting, nodeName }).events$.subscribe((event) =>
      this.events.push(event)
    )
  }

  get pods(): readonly Pod[] {
    return this.events.flatMap((event) => (event.kind === 'pod' ? [event.pod] : []))
  }

  get watches(): number {
    return this.requests.filter(({ query }) => query?.watch === 'true').length
  }

  /** Lists of pods that were begun. */
  get lists(): number {
    return this.requests.filter(
      ({ path, query }) =>
        path === '/api/v1/pods' && query?.watch === undefined && query?.continue === undefined
    ).length
  }

  /** The next watch of pods goes on from the oldest version of all. */
  forget(): void {
    this.#forgotten = true
  }

  heard(what: string, is: (event: SourceEvent) => boolean): Promise<SourceEvent | undefined> {
    return until(what, () => this.events.find(is))
  }

  async synced(): Promise<this> {
    await this.heard('synced', ({ kind }) => kind === 'synced')
    await until('both watches', () => this.watches === 2)
    return this
  }

  [Symbol.dispose](): void {
    this.#subscription.unsubscribe()
  }
}
