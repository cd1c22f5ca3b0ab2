// SPDX-License-Identifier: Apache-2.0
// Requests to the API server, one by one, over connections that are kept.

import { Agent, type RequestOptions, request } from 'node:https'
import { KubeConfig } from '@kubernetes/client-node'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Meta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

export interface KubeObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata?: Meta
}

/** The API server's refusal. */
export class ApiError extends Error {
  readonly status: number

  constructor(method: Method, path: string, status: number, text: string) {
    super(`${method} ${path}: ${status} ${text}`)
    this.status = status
  }
}

/** An API server that builds run beside, ms. */
const PATIENCE = 30_000

/** A token is in the headers. */
type Prepared = Omit<RequestOptions, 'headers'> & { headers: Record<string, string> }

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  apply: 'application/apply-patch+yaml'
} as const

export class Api {
  readonly kubeconfig: string
  readonly #config = new KubeConfig()
  readonly #agent = new Agent({ keepAlive: true })
  #options: Prepared | undefined

  constructor(kubeconfig: string) {
    this.kubeconfig = kubeconfig
    this.#config.loadFromFile(kubeconfig)
  }

  /** "https://10.0.0.1". */
  get server(): string {
    return this.#config.getCurrentCluster()?.server ?? ''
  }

  async #prepared(): Promise<Prepared> {
    if (this.#options === undefined) {
      const options: Prepared = { headers: {} }
      await this.#config.applyToHTTPSOptions(options as never)
      this.#options = { ...options, agent: this.#agent, ca: options.ca, cert: options.cert, key: options.key }
    }
    return this.#options
  }

  /** One request and its answer, parsed. @throws ApiError when the answer is not 2xx. */
  async ask<T = KubeObject>(
    method: Method,
    path: string,
    body?: object,
    patch: keyof typeof PATCH_TYPES = 'merge'
  ): Promise<T> {
    return JSON.parse(await this.text(method, path, body, patch)) as T
  }

  /** As `ask`; the answer as it came. A log, say. */
  async text(
    method: Method,
    path: string,
    body?: object,
    patch: keyof typeof PATCH_TYPES = 'merge'
  ): Promise<string> {
    const prepared = await this.#prepared()
    const content = body === undefined ? undefined : JSON.stringify(body)
    const type = method === 'PATCH' ? PATCH_TYPES[patch] : 'application/json'
    const length = Buffer.byteLength(content ?? '')
    const contentType = content === undefined ? {} : { 'content-type': type, 'content-length': `${length}` }
    const headers = { ...prepared.headers, accept: 'application/json', ...contentType }
    return await new Promise<string>((resolve, reject) => {
      const asked = request(`${this.server}${path}`, { ...prepared, method, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
        })
        response.on('error', reject)
        response.on('end', () => {
          const status = response.statusCode ?? 0
          if (status >= 200 && status < 300) resolve(text)
          else reject(new ApiError(method, path, status, text))
        })
      })
      asked.setTimeout(PATIENCE, () =>
        asked.destroy(new Error(`${method} ${path}: no answer after ${PATIENCE / 1000} s`))
      )
      asked.on('error', reject)
      asked.end(content)
    })
  }

  /** The object, undefined when there is none. */
  async find<T = KubeObject>(path: string): Promise<T | undefined> {
    try {
      return await this.ask<T>('GET', path)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined
      throw error
    }
  }

  close(): void {
    this.#agent.destroy()
  }
}
