// SPDX-License-Identifier: Apache-2.0
// Connections without end, one after the other in each stream, IPv4 and IPv6 in turn.

import { DIAL, type Place } from '../world/place.ts'
import type { Line } from '../world/running.ts'
import { Lines } from './lines.ts'

/** Longer than ztunnel is ever away, and than the kernel's third SYN takes. */
export const PATIENCE_MS = 15_000
const MANY = 1_000_000

export type Direction = 'outbound' | 'inbound'

/** A connection that has ended, well or not. Times are ms since the epoch. */
export interface Call {
  readonly pod: string
  readonly direction: Direction
  readonly family: 'ipv4' | 'ipv6'
  readonly at: number
  readonly end: number
  /** Connected, and greeted by the server. */
  readonly ok: boolean
  /** ECONNREFUSED, TIMEOUT, eof... */
  readonly failure?: string
  readonly local: string
  /** The client, as the server greeted it. */
  readonly seen?: string
}

export interface Target {
  readonly ipv4: string
  readonly ipv6: string
}

export interface Stream {
  readonly pod: string
  readonly direction: Direction
  readonly from: Place & Target
  readonly to: Target
  readonly port: number
  /** ms between two connections. */
  readonly pause: number
}

export class Traffic {
  readonly #streams = new Map<Stream, Lines>()
  readonly #hear: (call: Call) => void

  constructor(hear: (call: Call) => void) {
    this.#hear = hear
  }

  get streams(): number {
    return this.#streams.size
  }

  begin(stream: Stream): void {
    const { from, to, port, pause } = stream
    const options = ['--each', '--count', MANY, '--interval', pause, '--timeout', PATIENCE_MS]
    const argv = from.argv([DIAL, 'connect', to.ipv4, port, '--also', to.ipv6, port, ...options])
    // Two targets, in turn: the line itself does not say which when there was no connection.
    let number = 0
    this.#streams.set(
      stream,
      new Lines(argv, (line) => this.#hear(callOf(line, stream, number++ % 2 === 0 ? 'ipv4' : 'ipv6')))
    )
  }

  /** Ends the streams of a pod, or all. */
  async end(pod?: string): Promise<void> {
    const ending = [...this.#streams].filter(([stream]) => pod === undefined || stream.pod === pod)
    for (const [stream] of ending) this.#streams.delete(stream)
    await Promise.all(ending.map(([, lines]) => lines.end()))
  }
}

function callOf(line: Line, { pod, direction, from }: Stream, family: Call['family']): Call {
  const seen = / peer=(\S+) /.exec(typeof line.data === 'string' ? line.data : '')?.[1]
  const ok = line.ok === true && line.ended === 'line'
  return {
    pod,
    direction,
    family,
    at: Number(line.at),
    end: Date.now(),
    ok,
    ...(ok ? {} : { failure: String(line.errno ?? line.ended) }),
    // A failed socket forgets its address, but not its port.
    local: String(line.local).replace(
      /^(0\.0\.0\.0|\[::\])(?=:)/,
      family === 'ipv4' ? from.ipv4 : `[${from.ipv6}]`
    ),
    ...(seen === undefined ? {} : { seen })
  }
}
