// SPDX-License-Identifier: Apache-2.0
// A question in a pod's words, and who answered it.

import type { Place } from '../../world/place.ts'
import { host } from '../../world/place.ts'
import type { Running } from '../../world/running.ts'
import { type Answerer, answererOf } from '../../ztunnel/answer.ts'
import type { Outsider } from '../setup/mesh.ts'

/** ztunnel answers this name itself. */
export const INSIDE = 'answer.default.svc.cluster.local'
/** This one it asks its own resolver for. */
export const OUTSIDE = 'example.com'

export type Kind = 'connected' | 'unconnected' | 'sendmmsg' | 'sendmmsg-to' | 'tcp'

interface Reply {
  readonly from: string
  readonly id: number
  readonly type: 'A' | 'AAAA'
  readonly answer: string | null
}

export interface Asked {
  readonly ok: boolean
  readonly errno?: string
  readonly stage?: string
  readonly local?: string
  readonly peer: string | null
  readonly replies: readonly Reply[]
}

/** One socket: `kind` is how it asks, options are those of `dial dns`. */
export async function ask(
  place: Place,
  kind: Kind,
  servers: readonly string[],
  ...options: readonly (string | number)[]
): Promise<Asked> {
  return (await place.dial('dns', kind, INSIDE, ...servers, ...options)) as unknown as Asked
}

/** Who gave the answers, each named once. */
export function answerers({ replies = [] }: Partial<Asked>): (Answerer | undefined)[] {
  return [...new Set(replies.map(({ answer }) => answererOf(host(answer ?? ''))))]
}

/** A question as the server elsewhere heard it. */
export interface Heard {
  readonly name: string
  readonly type: string
  readonly transport: 'udp' | 'tcp'
  readonly src: string
}

/** A DNS server on :53 that answers everything. */
export class Resolver {
  readonly #process: Running

  private constructor(process: Running) {
    this.#process = process
  }

  /** @param bind default: every address of the place */
  static async start(place: Place | Outsider, bind = '::', port = 53): Promise<Resolver> {
    const process = place.startDial('resolver', bind, port)
    await process.waitForEvent('listening')
    return new Resolver(process)
  }

  get heard(): Heard[] {
    return this.#process.lines.filter(({ event }) => event === 'question') as unknown as Heard[]
  }

  async stop(): Promise<void> {
    await this.#process.stop()
  }
}
