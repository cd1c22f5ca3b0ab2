// SPDX-License-Identifier: Apache-2.0
// Tells ztunnel of the cluster's pods, as they come, change and go.

import { setTimeout as sleep } from 'node:timers/promises'
import { KubeConfig, type V1Pod, type V1PodList, Watch } from '@kubernetes/client-node'
import type { Api } from '../kube/api.ts'
import { ADDRESS, workload, workloadName } from './resources.ts'
import type { XdsServer } from './server.ts'

const PODS = '/api/v1/pods'

/** Between two watches; the API server may be away. */
const PAUSE_MS = 200

export class PodFeed {
  readonly #api: Api
  readonly #xds: XdsServer
  readonly #config = new KubeConfig()
  #names = new Set<string>()
  #closed = false
  #watch: AbortController | undefined

  constructor(api: Api, xds: XdsServer) {
    this.#api = api
    this.#xds = xds
    this.#config.loadFromFile(api.kubeconfig)
  }

  /** Resolves when ztunnel could be told of every pod that there is. */
  async open(): Promise<void> {
    const version = await this.#list()
    void this.#follow(version)
  }

  async #list(): Promise<string> {
    const { items, metadata } = await this.#api.ask<V1PodList>('GET', PODS)
    const former = this.#names
    this.#names = new Set()
    for (const pod of items) this.#take(pod)
    for (const name of former) if (!this.#names.has(name)) this.#xds.remove(ADDRESS, name)
    return metadata?.resourceVersion ?? '0'
  }

  #take(pod: V1Pod): void {
    const told = workload(pod)
    if (told === undefined) {
      this.#drop(pod)
      return
    }
    this.#names.add(told.name)
    this.#xds.set(told)
  }

  #drop(pod: V1Pod): void {
    const name = workloadName(pod)
    if (this.#names.delete(name)) this.#xds.remove(ADDRESS, name)
  }

  async #follow(version: string): Promise<void> {
    let resourceVersion: string | undefined = version
    while (!this.#closed) {
      // Whatever ended the watch or refused the list, the next list says how things are.
      resourceVersion ??= await this.#list().catch(() => undefined)
      if (resourceVersion !== undefined) await this.#watchOnce(resourceVersion)
      resourceVersion = undefined
      await sleep(PAUSE_MS)
    }
  }

  #watchOnce(resourceVersion: string): Promise<void> {
    return new Promise((resolve) => {
      const heard = (phase: string, pod: V1Pod) => {
        if (phase === 'DELETED') this.#drop(pod)
        else if (phase === 'ADDED' || phase === 'MODIFIED') this.#take(pod)
      }
      const watch = new Watch(this.#config).watch(PODS, { resourceVersion }, heard, () => resolve())
      watch.then(
        (controller) => {
          this.#watch = controller
        },
        () => resolve()
      )
    })
  }

  close(): void {
    this.#closed = true
    this.#watch?.abort()
  }
}
