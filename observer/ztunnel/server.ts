// SPDX-License-Identifier: Apache-2.0
// The ZDS server: sockets, timers and promises around the registry and the conversations.

import { fstatSync } from 'node:fs'
import type { Logger } from 'pino'
import type { Observable, SchedulerLike } from 'rxjs'
import { asyncScheduler, BehaviorSubject } from 'rxjs'
import { SluiceError } from '../errors/error.ts'
import { podRef } from '../pods/pod.ts'
import { encodeRequest } from './bytes.ts'
import type { Authorize } from './identity.ts'
import { Offers } from './offers.ts'
import { Refusals } from './refusals.ts'
import { Registry } from './registry.ts'
import type { Connection } from './session.ts'
import { Session } from './session.ts'
import type { Workload, ZtunnelInfo } from './workload.ts'

export type { Workload, ZtunnelInfo } from './workload.ts'

/** Larger than any request: a nack may carry a backtrace. */
export const MAX_MESSAGE_BYTES = 8192
/** ztunnel holds one connection, and two ztunnels overlap in an upgrade. */
export const MAX_CONNECTIONS = 32

/** `SeqpacketServer.listen` of #native. */
export type Listen = (
  path: string,
  options: { mode?: number; maxMessageBytes?: number; onError?: (error: Error) => void },
  onConnection: (connection: Connection) => void
) => { close(): void }

export interface ZdsServerOptions {
  readonly path: string
  readonly listen: Listen
  readonly authorize: Authorize
  readonly log: Logger
  readonly scheduler?: SchedulerLike
  /** The identity of a descriptor's netns, device and inode by default; throws for one that is not open. */
  readonly netnsOf?: (fd: number) => string
}

export interface ZdsServer {
  /** Who has said hello, newest last; emitted before the first message to it. */
  readonly ztunnels$: Observable<readonly ZtunnelInfo[]>
  /** Awaited before the first message to a ztunnel; its rejection closes the connection. */
  beforeFirstAdd: (ztunnel: ZtunnelInfo) => Promise<void>
  /** Every pod of the node has been offered or kept: SnapshotSent may be sent from now on. */
  snapshotReady(): void
  /**
   * Resolves when the newest ztunnel has acked; waits while there is none. A repeated offer costs nothing once
   * acked, and asks again after a nack. A pod that is PENDING stays offered.
   * @throws SluiceError SLUICE_ERR_ZDS_PENDING, _NACK, _NETNS, _TOO_LONG, _WITHDRAWN, _CLOSED
   */
  offer(workload: Workload): Promise<void>
  /** The pod is in the mesh, and its netns is not known yet: a snapshot must not end its proxy. */
  keep(uid: string): void
  /** Why a pod that a former ztunnel had acked is not served by the newest: offered again, it is asked once more. */
  refusal(uid: string): SluiceError | undefined
  /** Resolves when every ztunnel has acked or is gone. */
  withdraw(uid: string): Promise<void>
  /** Connections that this side closed, by reason. */
  readonly refused: Readonly<Record<string, number>>
  /** Ends every connection; ztunnel keeps its proxies, and dials again. */
  close(): void
}

/**
 * Listens at once.
 * @throws SluiceError SLUICE_ERR_ZDS_LISTEN
 */
export function createZdsServer(options: ZdsServerOptions): ZdsServer {
  return new Server(options)
}

class Server implements ZdsServer {
  beforeFirstAdd: (ztunnel: ZtunnelInfo) => Promise<void> = () => Promise.resolve()
  readonly ztunnels$: Observable<readonly ZtunnelInfo[]>
  readonly refused: Readonly<Record<string, number>>
  readonly #ztunnels = new BehaviorSubject<readonly ZtunnelInfo[]>([])
  readonly #registry = new Registry()
  readonly #offers = new Offers(this.#registry)
  readonly #sessions = new Map<number, Session>()
  readonly #refusals: Refusals
  readonly #scheduler: SchedulerLike
  readonly #options: ZdsServerOptions
  readonly #netnsOf: (fd: number) => string
  readonly #listener: { close(): void }
  #lastId = 0
  #closed = false
  #advancing = false

  constructor(options: ZdsServerOptions) {
    this.#options = options
    this.#scheduler = options.scheduler ?? asyncScheduler
    this.#netnsOf = options.netnsOf ?? deviceAndInode
    this.#refusals = new Refusals(options.log, () => this.#scheduler.now())
    this.refused = this.#refusals.counts
    this.ztunnels$ = this.#ztunnels.asObservable()
    try {
      const onError = (err: Error) => this.#refusals.note('accept-failed', { err })
      const listening = { mode: 0o600, maxMessageBytes: MAX_MESSAGE_BYTES, onError }
      this.#listener = options.listen(options.path, listening, (connection) => this.#accept(connection))
    } catch (error) {
      throw new SluiceError('SLUICE_ERR_ZDS_LISTEN', { path: options.path }, error)
    }
  }

  snapshotReady(): void {
    this.#registry.complete()
    this.#advance()
  }

  async offer(workload: Workload): Promise<void> {
    if (this.#closed) throw new SluiceError('SLUICE_ERR_ZDS_CLOSED', { pod: podRef(workload) })
    const offer = { ...workload, netns: this.#identify(workload) }
    encodeRequest({ kind: 'add', offer })
    const acked = this.#offers.make(offer)
    this.#advance()
    return acked
  }

  keep(uid: string): void {
    this.#registry.keep(uid)
    this.#advance()
  }

  refusal(uid: string): SluiceError | undefined {
    return this.#registry.refusal(uid)
  }

  async withdraw(uid: string): Promise<void> {
    if (this.#closed) return
    const gone = this.#offers.withdraw(uid)
    this.#advance()
    return gone
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#listener.close()
    for (const session of this.#sessions.values()) session.end()
    this.#offers.close()
    this.#ztunnels.complete()
  }

  #accept(connection: Connection): void {
    if (this.#closed || this.#sessions.size >= MAX_CONNECTIONS) {
      this.#refusals.note('too-many-connections', { pid: connection.peer.pid })
      connection.close()
      return
    }
    this.#lastId += 1
    const session = new Session(this.#lastId, connection, {
      scheduler: this.#scheduler,
      log: this.#options.log,
      authorize: this.#options.authorize,
      prepare: (ztunnel) => this.#prepare(ztunnel),
      onReady: ({ id }) => this.#registry.join(id),
      onAnswer: ({ id }, request, answer) => this.#registry.answered(id, request, answer),
      onChange: () => this.#advance(),
      onEnd: ({ id }) => this.#ended(id),
      refuse: (reason, fields) => this.#refusals.note(reason, fields),
      isCurrent: (offer) => this.#identify(offer) === offer.netns
    })
    this.#sessions.set(session.id, session)
    session.start()
  }

  async #prepare(ztunnel: ZtunnelInfo): Promise<void> {
    this.#ztunnels.next([...this.#ztunnels.value, ztunnel])
    await this.beforeFirstAdd(ztunnel)
  }

  #ended(id: number): void {
    this.#sessions.delete(id)
    this.#registry.leave(id)
    if (this.#ztunnels.value.some((ztunnel) => ztunnel.id === id)) {
      this.#options.log.info({ ztunnel: id }, 'ztunnel disconnected')
      this.#ztunnels.next(this.#ztunnels.value.filter((ztunnel) => ztunnel.id !== id))
    }
    this.#advance()
  }

  /** Tells every idle ztunnel what it must be told next, and the callers what has been answered. */
  #advance(): void {
    if (this.#advancing || this.#closed) return
    this.#advancing = true
    try {
      // A send that fails ends its session here and may make another one the newest: until nothing is said.
      while (this.#sayNext());
      this.#offers.settle()
    } finally {
      this.#advancing = false
    }
  }

  #sayNext(): boolean {
    let said = false
    for (const session of this.#sessions.values()) {
      const request = session.isIdle ? this.#registry.next(session.id) : undefined
      if (request === undefined) continue
      session.say(request)
      said = true
    }
    return said
  }

  #identify(workload: Omit<Workload, 'uid'>): string {
    try {
      return this.#netnsOf(workload.netnsFd)
    } catch (error) {
      throw new SluiceError('SLUICE_ERR_ZDS_NETNS', { pod: podRef(workload) }, error)
    }
  }
}

function deviceAndInode(fd: number): string {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  return `${dev}:${ino}`
}
