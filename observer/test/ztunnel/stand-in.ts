// SPDX-License-Identifier: Apache-2.0
// A listener and ztunnels in memory, with the shape of the native ones.

import { fromBinary } from '@bufbuild/protobuf'
import { WorkloadRequestSchema } from '#zds'
import type { Listen } from '../../ztunnel/server.ts'
import type { Connection } from '../../ztunnel/session.ts'

export const HELLO = Uint8Array.of(0x08, 0x01)
export const ACK = Uint8Array.of(0x0a, 0x00)

export function nack(text: string): Uint8Array {
  const error = Buffer.from(text)
  return Uint8Array.of(0x0a, error.length + 2, 0x0a, error.length, ...error)
}

/** The ztunnel end of a connection; answers with `answer` at once unless that is undefined. */
export class ZtunnelStandIn implements Connection {
  readonly peer: Connection['peer']
  onMessage: Connection['onMessage'] = () => {}
  onClose: Connection['onClose'] = () => {}
  answer: ((request: string) => Uint8Array | undefined) | undefined = () => ACK
  sendError: Error | undefined
  alive = true
  closed = false
  readonly heard: string[] = []
  readonly fds: (readonly number[])[] = []

  constructor(pid: number) {
    this.peer = { pid, startTime: 1n, pidfd: undefined }
  }

  send(packet: Uint8Array, fds: readonly number[] = []): void {
    if (this.closed) throw new Error('use after close')
    if (this.sendError !== undefined) throw this.sendError
    const request = describeRequest(packet)
    this.heard.push(request)
    this.fds.push(fds)
    const answer = this.answer?.(request)
    if (answer !== undefined) queueMicrotask(() => this.say(answer))
  }

  say(packet: Uint8Array, truncated = false): void {
    if (!this.closed) this.onMessage(packet, truncated)
  }

  hangUp(): void {
    this.onClose()
  }

  isPeerAlive(): boolean {
    return this.alive
  }

  close(): void {
    this.closed = true
  }
}

export class ListenerStandIn {
  closed = false
  #connect: (connection: Connection) => void = () => {}
  readonly listen: Listen = (_path, _options, onConnection) => {
    this.#connect = onConnection
    return {
      close: () => {
        this.closed = true
      }
    }
  }

  connect(pid = 1): ZtunnelStandIn {
    const ztunnel = new ZtunnelStandIn(pid)
    this.#connect(ztunnel)
    return ztunnel
  }
}

/** What a packet of the agent says, and of which pod. */
export function describeRequest(packet: Uint8Array): string {
  const { payload } = fromBinary(WorkloadRequestSchema, packet)
  return payload.case === undefined || payload.case === 'snapshotSent'
    ? 'snapshot'
    : `${payload.case} ${payload.value.uid}`
}
