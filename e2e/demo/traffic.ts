// SPDX-License-Identifier: Apache-2.0
// Live traffic: one connection after the other, IPv4 and IPv6 in turn, while a pod joins or leaves.

import type { Running } from '../world/running.ts'
import { within } from './patience.ts'
import { PORT, type Stage } from './stage.ts'

/** ms between two connections. */
const PAUSE = 2
/** More than anybody waits for. */
const MANY = 1_000_000

interface Attempt {
  readonly ok: boolean
  readonly errno?: string
  readonly local: string
  readonly peer: string
}

export class Traffic {
  readonly #stage: Stage
  readonly #dial: Running
  readonly #pace: NodeJS.Timeout
  #released = 0

  constructor(stage: Stage) {
    const { web, store } = stage
    this.#stage = stage
    const targets = [store.ipv4, PORT, '--also', store.ipv6, PORT]
    this.#dial = web.startDial('connect', ...targets, '--each', '--count', MANY, '--wait-line')
    this.#pace = setInterval(() => {
      if (this.#waiting <= this.#released) return
      this.#released++
      this.#dial.write('\n')
    }, PAUSE)
  }

  get #waiting(): number {
    return this.#dial.lines.filter(({ event }) => event === 'waiting').length
  }

  get attempts(): Attempt[] {
    return this.#dial.lines.filter(({ ok }) => ok !== undefined) as unknown as Attempt[]
  }

  async more(count: number): Promise<void> {
    const wanted = this.attempts.length + count
    await within(() => this.attempts.length >= wanted)
  }

  /** How each connection went, by ztunnel's log and the server's, which must agree. */
  get ways(): string[] {
    const { server, ztunnel } = this.#stage
    const peers = new Set(server.seen.map(({ peer }) => peer))
    const carried = new Map(ztunnel.opened({ direction: 'outbound' }).map(({ src, dst }) => [src, dst]))
    return this.attempts.map(({ ok, errno, local, peer }) => {
      if (!ok) return errno ?? 'failed'
      const direct = peers.has(local)
      if (carried.get(local) === peer) return direct ? 'ztunnel and plain' : 'ztunnel'
      return direct ? 'plain' : 'unseen'
    })
  }

  /** Waits until connections of both families go this way. False: they did not. */
  untilAll(way: string): Promise<boolean> {
    return within(() => {
      const last = this.ways.slice(-2)
      return last.length === 2 && last.every((each) => each === way)
    })
  }

  /** "plain, then ztunnel". */
  get story(): string {
    return this.ways.filter((way, index, all) => way !== all[index - 1]).join(', then ')
  }

  /** Epoch ms at which the server accepted the first connection that came this way after `since`. */
  firstAt(way: 'plain' | 'ztunnel', family: 'ipv4' | 'ipv6', since: number): number | undefined {
    const own = new Set(this.attempts.map(({ local }) => local))
    return this.#stage.server.seen.find(
      ({ at, peer }) =>
        at >= since && own.has(peer) === (way === 'plain') && peer.startsWith('[') === (family === 'ipv6')
    )?.at
  }

  /** Between two connections, so that none is cut. */
  async stop(): Promise<void> {
    clearInterval(this.#pace)
    await within(() => this.#waiting > this.#released || !this.#dial.running)
    await this.#dial.stop('SIGKILL')
    await within(() => !this.ways.includes('unseen'))
    for (const { ok, local } of this.attempts) if (ok) this.#stage.sockets.add(local)
  }
}
