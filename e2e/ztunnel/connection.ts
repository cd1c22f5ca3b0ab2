// SPDX-License-Identifier: Apache-2.0
// What ztunnel tells of the connections it carries, the stand-in's words and the real one's made alike.

import type { Line } from '../world/running.ts'

export interface Connection {
  /** opened: it was accepted; complete: it has ended; denied: ztunnel itself refused it. */
  readonly event: 'opened' | 'complete' | 'denied'
  readonly direction: 'outbound' | 'inbound'
  /** The client, as ztunnel sees it: "10.0.0.1:1234" or "[fd00::1]:1234". */
  readonly src: string
  /** Where the application dialled. */
  readonly dst: string
  /** complete only. From the client's side: sent to the destination, received from it. */
  readonly bytesSent?: number
  readonly bytesReceived?: number
  /** Why it failed, in the teller's own words. */
  readonly error?: string
}

/** A line of the stand-in's; undefined: it is about something else. */
export function fromStandIn(line: Line): Connection | undefined {
  if (line.event !== 'opened' && line.event !== 'complete' && line.event !== 'denied') return undefined
  return line as unknown as Connection
}

const REAL: Readonly<Record<string, Connection['event']>> = {
  'connection opened': 'opened',
  'connection complete': 'complete',
  'connection failed': 'denied'
}

/** A line of a real ztunnel's access log (LOG_FORMAT=json, target "access" at debug). */
export function fromZtunnel(line: Line): Connection | undefined {
  const event = line.scope === 'access' ? REAL[String(line.message)] : undefined
  if (event === undefined) return undefined
  const inbound = line.direction === 'inbound'
  const failed = typeof line.error === 'string' ? { error: line.error } : {}
  // ztunnel counts from the pod's side, so an inbound connection's "sent" is what the client received.
  const [sent, received] = inbound ? [line.bytes_recv, line.bytes_sent] : [line.bytes_sent, line.bytes_recv]
  const bytes = { bytesSent: Number(sent), bytesReceived: Number(received) }
  return {
    event,
    direction: inbound ? 'inbound' : 'outbound',
    src: String(line['src.addr']),
    // With HBONE, dst.addr is the tunnel's end and this the address that was dialled.
    dst: String(line['dst.hbone_addr'] ?? line['dst.addr']),
    ...(event === 'complete' ? bytes : {}),
    ...failed
  }
}
