// SPDX-License-Identifier: Apache-2.0
// A namespace of a test, with what is made in it.

import { type Api, ApiError } from './api.ts'
import type { CommandLine } from './kubectl.ts'
import { type AppOptions, appSpec, Pod } from './pod.ts'
import { until } from './until.ts'

export interface About {
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
}

export class TestNamespace {
  readonly name: string
  readonly #api: Api
  readonly #kubectl: CommandLine

  constructor(api: Api, kubectl: CommandLine, name: string) {
    this.#api = api
    this.#kubectl = kubectl
    this.name = name
  }

  get path(): string {
    return `/api/v1/namespaces/${this.name}`
  }

  /** Makes it, and waits until pods can be made in it. */
  async make(about: About = {}): Promise<void> {
    await this.#api.ask('POST', '/api/v1/namespaces', { metadata: { name: this.name, ...about } })
    await until(`namespace ${this.name} has its service account`, () =>
      this.#api.find(`${this.path}/serviceaccounts/default`)
    )
  }

  pod(name: string): Pod {
    return new Pod(this.#api, this.#kubectl, this.name, name)
  }

  /** Asks for a pod; it runs some time later. */
  async create(name: string, options: AppOptions = {}): Promise<Pod> {
    const { labels, annotations } = options
    await this.#api.ask('POST', `${this.path}/pods`, {
      metadata: { name, labels: { app: name, ...labels }, annotations },
      spec: appSpec(name, options)
    })
    return this.pod(name)
  }

  /** A pod that is ready. */
  async run(name: string, options: AppOptions = {}): Promise<Pod> {
    const pod = await this.create(name, options)
    await pod.untilReady()
    return pod
  }

  async label(key: string, value: string | null): Promise<void> {
    await this.#api.ask('PATCH', this.path, { metadata: { labels: { [key]: value } } })
  }

  async annotate(key: string, value: string | null): Promise<void> {
    await this.#api.ask('PATCH', this.path, { metadata: { annotations: { [key]: value } } })
  }

  /** Deletes it with all that is in it, and waits until it is gone. */
  async remove(): Promise<void> {
    try {
      await this.#api.ask('DELETE', this.path)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return
      throw error
    }
    await until(
      `namespace ${this.name} is gone`,
      () => this.#api.find(this.path),
      (found) => found === undefined,
      { timeoutMs: 120_000, everyMs: 200 }
    )
  }
}
