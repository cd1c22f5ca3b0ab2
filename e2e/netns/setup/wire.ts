// SPDX-License-Identifier: Apache-2.0
// What arrives at a machine, connection or none: the application's own segments do not, ztunnel's do.

import { expect } from 'vitest'
import type { Place, Server } from '../../world/place.ts'
import type { Running } from '../../world/running.ts'

export interface Segment {
  readonly from: string
  /** The port. */
  readonly to: number
  /** S(YN), F(IN), R(ST), A(CK). */
  readonly flags: string
}

export class Wire {
  readonly #process: Running

  private constructor(process: Running) {
    this.#process = process
  }

  /** Segments to these ports from now on. */
  static async watch(place: Place, port: number, last = port): Promise<Wire> {
    const process = place.startDial('segments', port, last)
    await process.waitForEvent('watching')
    return new Wire(process)
  }

  get segments(): Segment[] {
    return this.#process.lines.filter(({ event }) => event === 'segment') as unknown as Segment[]
  }

  /** Segments from sockets of which the server has accepted no connection. */
  strangers(server: Server): Segment[] {
    const accepted = new Set(server.seen.map(({ peer }) => peer))
    return this.segments.filter(({ from }) => !accepted.has(from))
  }

  /** Ends it when all that has arrived is told, and nothing was lost. */
  async stop(): Promise<void> {
    await this.#process.stop()
    expect(this.#process.lines.at(-1)).toEqual({ event: 'watched', lost: 0 })
  }
}
