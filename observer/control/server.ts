// SPDX-License-Identifier: Apache-2.0

import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { SluiceError } from '../errors/error.ts'
import { STATUS_PATH, type StatusReport } from './protocol.ts'

export interface ControlServer {
  /** Ends open connections and removes the socket. */
  close(): Promise<void>
}

const MODE = 0o600

/**
 * Answers on a unix socket that only the agent's own user can open. The socket of an agent that is
 * gone is replaced.
 *
 * @throws SluiceError SLUICE_ERR_CONTROL_BUSY when another agent answers there, SLUICE_ERR_CONTROL_SOCKET
 */
export async function serveControl(
  path: string,
  handlers: { readonly status: () => StatusReport }
): Promise<ControlServer> {
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

function answering({ status }: { readonly status: () => StatusReport }): RequestListener {
  return (request, response) => {
    const answer = (code: number, body: unknown) => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
    }
    if (request.url !== STATUS_PATH) return answer(404, { error: `there is only GET ${STATUS_PATH}` })
    if (request.method !== 'GET') return answer(405, { error: `there is only GET ${STATUS_PATH}` })
    try {
      answer(200, status())
    } catch (error) {
      answer(500, { error: error instanceof Error ? error.message : String(error) })
    }
  }
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
