// SPDX-License-Identifier: Apache-2.0
// As much of an API server as the agent sees: lists in pages, watches that resume, bookmarks, 410, patches over a
// version, and whatever a test makes it do instead.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { answer, collectionOf, pathOf, refuse, type Stored, write } from './answers.ts'
import type { Authority } from './authority.ts'

export interface Seen {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly accept: string
  readonly authorization: string | undefined
  readonly body: string
  /** Of the client's certificate. */
  readonly client: string | undefined
}

interface Change {
  readonly version: number
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly path: string
  readonly object: Stored
}

interface Watch {
  readonly prefix: string
  readonly response: ServerResponse
}

/** Answers in its place, if it returns true. */
type Instead = (seen: Seen, response: ServerResponse) => boolean

export class ApiServer {
  readonly seen: Seen[] = []
  instead: Instead = () => false
  readonly #server: Server
  readonly #objects = new Map<string, Stored>()
  readonly #changes: Change[] = []
  readonly #watches = new Set<Watch>()
  readonly #sockets = new Set<Socket>()
  #version = 100
  /** What is older is forgotten. */
  #compacted = 0

  private constructor(authority: Authority) {
    const { cert, key } = authority.issue('server')
    const options = { cert, key, ca: authority.cert, requestCert: true, rejectUnauthorized: false }
    this.#server = createServer(options, (request, response) => void this.#serve(request, response))
    this.#server.on('secureConnection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => undefined)
    })
  }

  static async start(authority: Authority, port = 0): Promise<ApiServer> {
    const server = new ApiServer(authority)
    await new Promise<void>((resolve) => server.#server.listen(port, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get watching(): number {
    return this.#watches.size
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** @param path `/api/v1/pods/shop/cart`: the collection, the namespace if there is one, the name */
  put(collection: string, object: Stored): Stored {
    const path = pathOf(collection, object)
    const type = this.#objects.has(path) ? 'MODIFIED' : 'ADDED'
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } }
    this.#objects.set(path, stored)
    this.#change({ version: this.#version, type, path: collection, object: stored })
    return stored
  }

  remove(collection: string, object: Stored): void {
    const path = pathOf(collection, object)
    const stored = this.#objects.get(path)
    if (stored === undefined) throw new Error(`${path} is not there`)
    this.#objects.delete(path)
    const last = { ...stored, metadata: { ...stored.metadata, resourceVersion: String(++this.#version) } }
    this.#change({ version: this.#version, type: 'DELETED', path: collection, object: last })
  }

  find(path: string): Stored | undefined {
    return this.#objects.get(path)
  }

  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.#version) } }
    for (const { response } of this.#watches) write(response, { type: 'BOOKMARK', object })
  }

  /** Forgets every version before now. */
  compact(): void {
    this.#version++
    this.#compacted = this.#version
  }

  /** As a timeout does. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end()
  }

  /** As a crash does. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #change(change: Change): void {
    this.#changes.push(change)
    for (const { prefix, response } of this.#watches) {
      if (prefix === change.path) write(response, { type: change.type, object: change.object })
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url)
    const peer = (request.socket as Partial<import('node:tls').TLSSocket>).getPeerCertificate?.()
    const seen: Seen = {
      method: request.method ?? '',
      path: pathname,
      query: searchParams,
      accept: request.headers.accept ?? '',
      authorization: request.headers.authorization,
      body: await text(request),
      client: peer?.subject?.CN as string | undefined
    }
    this.seen.push(seen)
    if (this.instead(seen, response)) return
    if (seen.method === 'PATCH') this.#patch(seen, response)
    else if (seen.method === 'POST') answer(response, 201, JSON.parse(seen.body))
    else if (searchParams.get('watch') === 'true') this.#watch(seen, response)
    else if (/^\/api\/v1\/(pods|namespaces)$/.test(pathname)) this.#list(seen, response)
    else this.#get(seen, response)
  }

  #get({ path }: Seen, response: ServerResponse): void {
    const object = this.#objects.get(path)
    if (object === undefined) refuse(response, 404, 'NotFound', path.split('/').at(-1))
    else answer(response, 200, object)
  }

  #list({ path, query }: Seen, response: ServerResponse): void {
    const objects = [...this.#objects].filter(([at]) => collectionOf(at) === path).map(([, object]) => object)
    const [at = '0', version = String(this.#version)] = (query.get('continue') ?? '')
      .split('@')
      .filter(Boolean)
    if (Number(version) < this.#compacted) {
      refuse(response, 410, 'Expired')
      return
    }
    const first = Number(at)
    const items = objects.slice(first, first + Number(query.get('limit')))
    const next = first + items.length
    const metadata = {
      resourceVersion: version,
      ...(next < objects.length ? { continue: `${next}@${version}` } : {})
    }
    answer(response, 200, { kind: 'List', apiVersion: 'v1', metadata, items })
  }

  #watch({ path, query }: Seen, response: ServerResponse): void {
    const after = Number(query.get('resourceVersion'))
    if (after < this.#compacted) {
      refuse(response, 410, 'Expired')
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const watch = { prefix: path, response }
    this.#watches.add(watch)
    response.on('close', () => this.#watches.delete(watch))
    for (const { type, object } of this.#changes.filter((c) => c.path === path && c.version > after)) {
      write(response, { type, object })
    }
  }

  #patch({ path, body }: Seen, response: ServerResponse): void {
    const at = path.replace(/\/status$/, '')
    const object = this.#objects.get(at)
    const { metadata } = JSON.parse(body) as Stored
    if (object === undefined) refuse(response, 404, 'NotFound', at.split('/').at(-1))
    else if (
      (metadata.resourceVersion ?? object.metadata.resourceVersion) !== object.metadata.resourceVersion
    )
      refuse(response, 409, 'Conflict')
    else {
      const merged = { ...object.metadata.annotations, ...metadata.annotations }
      const annotations = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null))
      answer(
        response,
        200,
        this.put(collectionOf(at), { ...object, metadata: { ...object.metadata, annotations } })
      )
    }
  }
}
