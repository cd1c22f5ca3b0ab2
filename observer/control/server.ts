// SPDX-License-Identifier: Apache-2.0

import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import * as z from 'zod'
import { SluiceError } from '../errors/error.ts'
import {
  LOG_LEVEL_PATH,
  type LogLevel,
  type LogLevelChanged,
  logLevelChange,
  STATUS_PATH,
  type StatusReport
} from './protocol.ts'

export interface ControlServer {
  /** Ends open connections and removes the socket. */
  close(): Promise<void>
}

export interface ControlHandlers {
  readonly status: () => StatusReport
  /** @returns the former level */
  readonly setLogLevel: (level: LogLevel) => string
}

const MODE = 0o600
const MAX_BODY_BYTES = 1024

/**
 * Answers on a unix socket that only the agent's own user can open. The socket of an agent that is
 * gone is replaced.
 *
 * @throws SluiceError SLUICE_ERR_CONTROL_BUSY when another agent answers there, SLUICE_ERR_CONTROL_SOCKET
 */
export async function serveControl(path: string, handlers: ControlHandlers): Promise<ControlServer> {
  const server = createServer(answering(handlers))
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    if (await isServed(path)) throw new SluiceError('SLUICE_ERR_CONTROL_BUSY', { path })
    removeSocket(path)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      // listen() binds before it returns: nobody else can open the socket between bind and chmod.
      const mask = process.umask(0o777 & ~MODE)
      try {
        server.listen(path, resolve)
      } finally {
        process.umask(mask)
      }
    })
    chmodSync(path, MODE)
  } catch (error) {
    server.close()
    if (error instanceof SluiceError) throw error
    throw new SluiceError('SLUICE_ERR_CONTROL_SOCKET', { path }, error)
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          rmSync(path, { force: true })
          resolve()
        })
        server.closeAllConnections()
      })
  }
}

function answering(handlers: ControlHandlers): RequestListener {
  return (request, response) => {
    const answer = (code: number, body: unknown) => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
    }
    const route = ROUTES[request.url ?? '']
    if (route === undefined) return answer(404, { error: `there is only ${OFFER}` })
    if (request.method !== route.method) return answer(405, { error: `there is only ${OFFER}` })
    route.handle(handlers, request).then(
      (body) => answer(200, body),
      (error: unknown) => {
        const refused = error instanceof z.ZodError || error instanceof SyntaxError
        answer(refused ? 400 : 500, { error: error instanceof Error ? error.message : String(error) })
      }
    )
  }
}

interface Route {
  readonly method: 'GET' | 'PUT'
  readonly handle: (handlers: ControlHandlers, request: IncomingMessage) => Promise<unknown>
}

const ROUTES: Readonly<Record<string, Route>> = {
  [STATUS_PATH]: { method: 'GET', handle: async ({ status }) => status() },
  [LOG_LEVEL_PATH]: {
    method: 'PUT',
    handle: async ({ setLogLevel }, request) => {
      const { level } = logLevelChange.parse(JSON.parse(await bodyOf(request)))
      return { former: setLogLevel(level) } satisfies LogLevelChanged
    }
  }
}

const OFFER = Object.entries(ROUTES)
  .map(([path, { method }]) => `${method} ${path}`)
  .join(' and ')

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    length += part.length
    if (length > MAX_BODY_BYTES) throw new SyntaxError('the body is too long')
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

/** Whether a process answers there. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTSOCK')
        resolve(false)
      else reject(error)
    })
  })
}

/** Only a socket: a file that a mistyped path names is not ours to delete. */
function removeSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new Error('there is something that is not a socket')
  rmSync(path)
}
