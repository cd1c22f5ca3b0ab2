// SPDX-License-Identifier: Apache-2.0
// Requests to the API server, as cold observables: unsubscribing ends the request.

import { type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http'
import { type RequestOptions, request as tlsRequest } from 'node:https'
import { map, Observable, type Subscriber } from 'rxjs'
import { version } from '../cli/version.ts'
import type { Credentials, TlsOptions } from './credentials.ts'
import { type ApiFailure, refused, unanswered } from './failure.ts'
import { Lines } from './lines.ts'

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** What to answer with, if not the whole object as JSON. */
  readonly accept?: string
  readonly body?: { readonly type: string; readonly value: unknown }
}

export type StreamPart =
  /** The server has agreed; nothing may come for a long time. */
  { readonly kind: 'opened' } | { readonly kind: 'line'; readonly value: unknown }

export interface KubernetesApi {
  readonly server: string
  /** One JSON value; errors with ApiFailure, or because it is none. */
  answer(request: ApiRequest): Observable<unknown>
  /** A JSON value for each line of an answer without end; completes when the server ends it. Errors as `answer`. */
  stream(request: ApiRequest): Observable<StreamPart>
}

const ANSWER_WITHIN_MS = 30_000
/** Before the first probe; the kernel finds a dead peer 10 s later. */
const KEEPALIVE_MS = 30_000
const UNAUTHORIZED = 401
const OPENED = { kind: 'opened' } as const

export class HttpsApi implements KubernetesApi {
  readonly #credentials: Credentials

  constructor(credentials: Credentials) {
    this.#credentials = credentials
  }

  get server(): string {
    return this.#credentials.server
  }

  answer(request: ApiRequest): Observable<unknown> {
    const text$ = new Observable<string>((subscriber) =>
      this.#send(request, subscriber, (response, answered) => {
        collect(response, (text) => {
          answered()
          subscriber.next(text)
          subscriber.complete()
        })
      })
    )
    return text$.pipe(map((text): unknown => JSON.parse(text)))
  }

  stream(request: ApiRequest): Observable<StreamPart> {
    const part$ = new Observable<string | typeof OPENED>((subscriber) =>
      this.#send(request, subscriber, (response, answered) => {
        answered()
        subscriber.next(OPENED)
        const lines = new Lines()
        response.on('data', (piece: string) => {
          for (const line of lines.take(piece)) subscriber.next(line)
        })
        response.on('end', () => subscriber.complete())
      })
    )
    return part$.pipe(
      map((part) => (typeof part === 'string' ? { kind: 'line', value: JSON.parse(part) as unknown } : part))
    )
  }

  /**
   * @param onAnswer hears what the server accepts; until it says `answered` there is a limit of time
   * @returns what calls it off
   */
  #send(
    { method = 'GET', path, query = {}, accept = 'application/json', body }: ApiRequest,
    subscriber: Pick<Subscriber<unknown>, 'error'>,
    onAnswer: (response: IncomingMessage, answered: () => void) => void
  ): () => void {
    let request: ClientRequest | undefined
    let ended = false
    const end = () => {
      ended = true
      clearTimeout(timer)
      request?.destroy()
    }
    const fail = (cause: unknown) => {
      subscriber.error(unanswered(cause))
      end()
    }
    const timer = setTimeout(() => fail(new Error('no answer in time')), ANSWER_WITHIN_MS)
    const send = (options: TlsOptions) => {
      if (ended) return
      const content = body === undefined ? {} : { 'content-type': body.type }
      const headers = { ...options.headers, accept, 'user-agent': `sluice/${version}`, ...content }
      request = open(this.#url(path, query), { ...options, method, headers })
      request.on('socket', (socket) => socket.setKeepAlive(true, KEEPALIVE_MS))
      request.on('error', fail)
      request.on('response', (response) => {
        response.setEncoding('utf8')
        response.on('error', fail)
        // Its connection is another's from then on.
        response.on('end', () => {
          request = undefined
        })
        const { statusCode: status = 0 } = response
        const accepted = status >= 200 && status < 300
        if (accepted) onAnswer(response, () => clearTimeout(timer))
        else collect(response, (text) => fail(this.#refusal(status, text, response)))
      })
      request.end(body === undefined ? undefined : JSON.stringify(body.value))
    }
    this.#credentials.options().then(send).catch(fail)
    return end
  }

  #url(path: string, query: Readonly<Record<string, string>>): string {
    const search = new URLSearchParams(query).toString()
    return this.server + path + (search === '' ? '' : `?${search}`)
  }

  #refusal(status: number, text: string, { headers }: IncomingMessage): ApiFailure {
    if (status === UNAUTHORIZED) this.#credentials.renew()
    return refused(status, text, headers['retry-after'])
  }
}

function collect(response: IncomingMessage, onText: (text: string) => void): void {
  let text = ''
  response.on('data', (piece: string) => {
    text += piece
  })
  response.on('end', () => onText(text))
}

function open(url: string, options: RequestOptions): ClientRequest {
  return url.startsWith('https:') ? tlsRequest(url, options) : plainRequest(url, options)
}
