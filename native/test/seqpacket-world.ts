// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { NativeError } from '../lib/error.ts'
import { type ListenOptions, SeqpacketConnection, SeqpacketServer } from '../lib/seqpacket.ts'

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const failure = (code: string, rest: object = {}): unknown =>
  expect.objectContaining({ code: `SLUICE_NATIVE_${code}`, ...rest })

/** Resolves with the reason when the connection ends. */
export const end = (connection: SeqpacketConnection): Promise<NativeError | undefined> =>
  new Promise((resolve) => {
    connection.onClose = resolve
  })

/** A directory with a socket path, and what listens and connects there; all gone after `dispose`. */
export class Sockets {
  readonly directory = mkdtempSync(join(tmpdir(), 'seqpacket-'))
  readonly path = join(this.directory, 's')
  readonly #handles: { close(): void }[] = []

  listen(
    onConnection: (connection: SeqpacketConnection) => void = () => {},
    options: ListenOptions = {},
    path = this.path
  ): SeqpacketServer {
    const server = SeqpacketServer.listen(path, options, (connection) => {
      this.#handles.push(connection)
      onConnection(connection)
    })
    this.#handles.push(server)
    return server
  }

  connect(path = this.path): SeqpacketConnection {
    const connection = SeqpacketConnection.connect(path)
    this.#handles.push(connection)
    return connection
  }

  /** Both ends of one connection, the server's first. */
  async pair(options: ListenOptions = {}): Promise<[SeqpacketConnection, SeqpacketConnection]> {
    const accepted = new Promise<SeqpacketConnection>((resolve) => this.listen(resolve, options))
    const client = this.connect()
    return [await accepted, client]
  }

  dispose(): void {
    for (const handle of this.#handles) handle.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
