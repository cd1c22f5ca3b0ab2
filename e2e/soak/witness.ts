// SPDX-License-Identifier: Apache-2.0
// A server on another machine: it knows who really dialled it, whatever became of the connection at the other end.

import { EventEmitter, once } from 'node:events'
import { DIAL, type Place } from '../world/place.ts'
import type { Line } from '../world/running.ts'
import { Lines } from './lines.ts'

/** Ports are used again. */
const REMEMBERED_MS = 30_000

export class Witness {
  readonly #lines: Lines
  readonly #heard = new EventEmitter()
  #arrivals: { readonly peer: string; readonly at: number }[] = []
  #count = 0

  private constructor(place: Place, port: number) {
    this.#lines = new Lines(place.argv([DIAL, 'serve', port, '--name', place.name]), (line) =>
      this.#hear(line)
    )
  }

  static async open(place: Place, port: number): Promise<Witness> {
    const witness = new Witness(place, port)
    await once(witness.#heard, 'listening')
    return witness
  }

  /** Connections that it accepted. */
  get count(): number {
    return this.#count
  }

  /** Whether a connection from this very address and port came between the two times. */
  saw(peer: string, from: number, to: number): boolean {
    return this.#arrivals.some((arrival) => arrival.peer === peer && arrival.at >= from && arrival.at <= to)
  }

  #hear({ event, peer, at }: Line): void {
    this.#heard.emit(String(event))
    if (event !== 'connection') return
    this.#count++
    this.#arrivals.push({ peer: String(peer), at: Number(at) })
    if (this.#arrivals.length % 5_000 === 0)
      this.#arrivals = this.#arrivals.filter((arrival) => arrival.at > Number(at) - REMEMBERED_MS)
  }

  end(): Promise<void> {
    return this.#lines.end()
  }
}
