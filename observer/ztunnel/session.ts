// SPDX-License-Identifier: Apache-2.0
// One connection: carries out what its conversation says, and decides with the identity whether it is served.

import type { Logger } from 'pino'
import type { SchedulerLike, Subscription } from 'rxjs'
import { causeText } from '../errors/error.ts'
import type { Request } from './bytes.ts'
import { subjectOf } from './bytes.ts'
import type { Answer, Conversation, Input, Output, Step } from './conversation.ts'
import { begin, step } from './conversation.ts'
import type { Authorize, Peer } from './identity.ts'
import type { Cgroup, Offer, ZtunnelInfo } from './workload.ts'

/** A refused peer is let go after this time: ztunnel dials again the moment that a connection ends. */
export const LINGER_MS = 500

const EBADF = 9

/** What a session needs of #native's SeqpacketConnection. */
export interface Connection {
  readonly peer: Peer
  onMessage: (packet: Uint8Array, truncated: boolean) => void
  onClose: () => void
  send(packet: Uint8Array, fds?: readonly number[]): void
  isPeerAlive(): boolean
  close(): void
}

export interface SessionContext {
  readonly scheduler: SchedulerLike
  readonly log: Logger
  readonly authorize: Authorize
  /** Settles when the ztunnel, which has said hello, may be spoken to. */
  readonly prepare: (ztunnel: ZtunnelInfo) => Promise<void>
  readonly onReady: (session: Session) => void
  readonly onAnswer: (session: Session, request: Request, answer: Answer) => void
  /** Something was heard: there may be more to say. */
  readonly onChange: () => void
  /** Once, whoever ended it. */
  readonly onEnd: (session: Session) => void
  readonly refuse: (reason: string, fields: Readonly<Record<string, unknown>>) => void
  /** Whether the offer's descriptor still is the netns that was offered; throws for one that is not open. */
  readonly isCurrent: (offer: Offer) => boolean
}

export class Session {
  readonly id: number
  readonly #connection: Connection
  readonly #context: SessionContext
  readonly #greeted = Promise.withResolvers<void>()
  #conversation: Conversation = { phase: 'hello' }
  #deadline: Subscription | undefined

  constructor(id: number, connection: Connection, context: SessionContext) {
    this.id = id
    this.#connection = connection
    this.#context = context
  }

  get isIdle(): boolean {
    return this.#conversation.phase === 'idle'
  }

  start(): void {
    this.#connection.onMessage = (packet, truncated) => this.#hear({ kind: 'packet', packet, truncated })
    this.#connection.onClose = () => this.end()
    this.#apply(begin())
    this.#admit().catch((error: unknown) => this.#refuse('prepare-failed', { cause: causeText(error) }))
  }

  say(request: Request): void {
    this.#take({ kind: 'say', request })
  }

  /** Closes at once, and tells nobody but onEnd. */
  end(): void {
    if (this.#conversation.phase === 'closed') return
    this.#take({ kind: 'closed' })
    this.#connection.close()
    this.#context.onEnd(this)
  }

  async #admit(): Promise<void> {
    const { peer } = this.#connection
    const first = await this.#context.authorize(peer)
    if (!first.allowed) return this.#refuse(first.reason, { detail: first.detail })
    await this.#greeted.promise
    // Some time may have passed since: what counts is the cgroup at hello.
    const second = await this.#context.authorize(peer)
    if (!second.allowed) return this.#refuse(second.reason, { detail: second.detail })
    if (!this.#connection.isPeerAlive()) return this.#refuse('process-gone', {})
    if (this.#conversation.phase !== 'preparing') return
    await this.#context.prepare(this.#info(second.cgroup))
    if (this.#conversation.phase !== 'preparing') return
    this.#context.log.info(
      { ztunnel: this.id, pid: peer.pid, cgroup: second.cgroup.path },
      'ztunnel connected'
    )
    this.#context.onReady(this)
    this.#hear({ kind: 'prepared' })
  }

  #info(cgroup: Cgroup): ZtunnelInfo {
    const connection = this.#connection
    return {
      id: this.id,
      pid: connection.peer.pid,
      cgroup,
      connectedAt: this.#context.scheduler.now(),
      isAlive: () => this.#conversation.phase !== 'closed' && connection.isPeerAlive()
    }
  }

  #hear(input: Input): void {
    this.#take(input)
    this.#context.onChange()
  }

  #take(input: Input): void {
    this.#apply(step(this.#conversation, input))
  }

  #apply({ next, outputs }: Step): void {
    this.#conversation = next
    for (const output of outputs) this.#carryOut(output)
  }

  #carryOut(output: Output): void {
    switch (output.kind) {
      case 'greeted':
        this.#greeted.resolve()
        return
      case 'deadline':
        this.#arm(output.ms)
        return
      case 'send':
        this.#send(output.request, output.packet)
        return
      case 'answered':
        this.#answered(output.request, output.answer)
        return
      case 'close':
        this.#letGo(output.reason, {
          cause: output.cause === undefined ? undefined : causeText(output.cause)
        })
    }
  }

  #arm(ms: number | undefined): void {
    this.#deadline?.unsubscribe()
    this.#deadline = undefined
    if (ms === undefined) return
    this.#deadline = this.#context.scheduler.schedule(() => this.#hear({ kind: 'timeout' }), ms)
  }

  /** A send never blocks: with one packet under way the socket has room, or the peer is not reading. */
  #send(request: Request, packet: Uint8Array): void {
    try {
      if (request.kind === 'add' && !this.#context.isCurrent(request.offer)) {
        const cause = 'its descriptor is now another file'
        this.#take({ kind: 'unsent', badDescriptor: true, cause })
        return
      }
      this.#connection.send(packet, request.kind === 'add' ? [request.offer.netnsFd] : [])
    } catch (cause) {
      this.#take({ kind: 'unsent', badDescriptor: isBadDescriptor(cause), cause })
    }
  }

  #answered(request: Request, answer: Answer): void {
    if (answer.kind !== 'ack') {
      const { code, message } = answer.error
      const fields = {
        ztunnel: this.id,
        request: request.kind,
        pod: subjectOf(request),
        code,
        cause: message
      }
      this.#context.log.warn(fields, 'ztunnel did not accept')
    }
    this.#context.onAnswer(this, request, answer)
  }

  #refuse(reason: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#conversation.phase === 'closed') return
    this.#take({ kind: 'closed' })
    this.#letGo(reason, fields)
  }

  #letGo(reason: string, fields: Readonly<Record<string, unknown>>): void {
    this.#context.refuse(reason, { ztunnel: this.id, pid: this.#connection.peer.pid, ...fields })
    const linger = reason.endsWith('-timeout') ? 0 : LINGER_MS
    const connection = this.#connection
    const timer =
      linger === 0 ? undefined : this.#context.scheduler.schedule(() => connection.close(), linger)
    connection.onMessage = () => {}
    connection.onClose = () => {
      timer?.unsubscribe()
      connection.close()
    }
    if (timer === undefined) connection.close()
    this.#context.onEnd(this)
  }
}

function isBadDescriptor(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false
  return (
    ('errno' in cause && cause.errno === EBADF) || ('code' in cause && cause.code === 'SLUICE_ERR_ZDS_NETNS')
  )
}
