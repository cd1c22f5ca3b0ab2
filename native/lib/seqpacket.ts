// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'
import { invalidArgument, NativeError, toNativeError } from './error.ts'

/** The process at the other end: the one that connected or, for a client, that listened. */
export interface PeerIdentity {
  pid: number
  uid: number
  gid: number
  /** Clock ticks since boot (field 22 of /proc/<pid>/stat); 0n: the process had ended already. */
  startTime: bigint
  /** SO_PEERPIDFD, from Linux 6.5. It stays the connection's, which closes it. */
  pidfd: number | undefined
}

export interface ListenOptions {
  /** Of the socket's file; default 0o600. */
  mode?: number
  /** Default 64. */
  backlog?: number
  /** A longer message is cut and delivered as truncated; default 1024. */
  maxMessageBytes?: number
  /** A connection could not be accepted, e.g. without file descriptors left; it is refused. Default: throws. */
  onError?: (error: NativeError) => void
}

interface Opened {
  handle: object
  peer: PeerIdentity
}

const native = bindings<{
  listenSeqpacket(
    path: string,
    mode: number,
    backlog: number,
    maxMessageBytes: number,
    onConnection: (opened: Opened | undefined, failure: unknown) => void
  ): object
  closeSeqpacketServer(handle: object): void
  connectSeqpacket(path: string, maxMessageBytes: number): Opened
  startSeqpacketConnection(
    handle: object,
    onEvent: (message: Uint8Array | undefined, detail: unknown) => void
  ): void
  sendSeqpacket(handle: object, data: Uint8Array, fds: readonly number[]): void
  isSeqpacketPeerAlive(handle: object): boolean
  closeSeqpacketConnection(handle: object): void
}>()

function rethrow(error: NativeError): never {
  throw error
}

const BACKLOG = 64
const MAX_MESSAGE_BYTES = 1024

/** One end of a connection. Set `onMessage` and `onClose` in the turn of the event loop in which you get it. */
export class SeqpacketConnection {
  readonly peer: PeerIdentity
  /** File descriptors that came with a message are closed before this is called. */
  onMessage: (data: Uint8Array, truncated: boolean) => void = () => {}
  /** The other end is gone; called once, after the connection is closed, and not by close(). */
  onClose: (error?: NativeError) => void = () => {}
  readonly #handle: object
  #ended = false

  /** Made by `connect` and by a server. */
  constructor(opened: Opened) {
    this.peer = opened.peer
    this.#handle = opened.handle
    native.startSeqpacketConnection(opened.handle, (message, detail) => {
      if (message === undefined) this.#end(toNativeError(detail) as NativeError | undefined)
      else this.onMessage(message, detail === true)
    })
  }

  /** Throws ESEQPACKET_CONNECT. */
  static connect(path: string, options: Pick<ListenOptions, 'maxMessageBytes'> = {}): SeqpacketConnection {
    return new SeqpacketConnection(
      native.connectSeqpacket(path, options.maxMessageBytes ?? MAX_MESSAGE_BYTES)
    )
  }

  /**
   * Sends one message that is not empty, with copies of up to 253 file descriptors. Never blocks: throws
   * ESEQPACKET_FULL when the peer does not read. When the peer is gone, nothing is thrown and onClose follows.
   */
  send(data: Uint8Array, fds: readonly number[] = []): void {
    try {
      native.sendSeqpacket(this.#handle, data, fds)
    } catch (error) {
      if (!(error instanceof NativeError) || error.code !== 'SLUICE_NATIVE_ESEQPACKET_ENDED') throw error
      queueMicrotask(() => this.#end(error))
    }
  }

  /** Whether the process of `peer` still runs. */
  isPeerAlive(): boolean {
    return native.isSeqpacketPeerAlive(this.#handle)
  }

  #end(error: NativeError | undefined): void {
    if (this.#ended) return
    this.close()
    this.onClose(error)
  }

  close(): void {
    this.#ended = true
    native.closeSeqpacketConnection(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** A listening unix SOCK_SEQPACKET socket. */
export class SeqpacketServer {
  readonly #handle: object

  private constructor(handle: object) {
    this.#handle = handle
  }

  /**
   * Listens; a socket file that nobody listens on any more is replaced. Throws ESEQPACKET_LISTEN. If `onConnection`
   * throws, its connection is closed and the exception surfaces as 'uncaughtException'.
   */
  static listen(
    path: string,
    options: ListenOptions,
    onConnection: (connection: SeqpacketConnection) => void
  ): SeqpacketServer {
    if (typeof onConnection !== 'function') throw invalidArgument('a function', 'onConnection', onConnection)
    const {
      mode = 0o600,
      backlog = BACKLOG,
      maxMessageBytes = MAX_MESSAGE_BYTES,
      onError = rethrow
    } = options
    const handle = native.listenSeqpacket(path, mode, backlog, maxMessageBytes, (opened, failure) => {
      if (opened === undefined) return onError(toNativeError(failure) as NativeError)
      const connection = new SeqpacketConnection(opened)
      try {
        onConnection(connection)
      } catch (error) {
        connection.close()
        throw error
      }
    })
    return new SeqpacketServer(handle)
  }

  /** Removes the socket's file, if it is still this server's. Connections stay open. */
  close(): void {
    native.closeSeqpacketServer(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
