// SPDX-License-Identifier: Apache-2.0
// A pod that dials a server again and again, as its own work: it needs nobody to ask it, so it goes on while the API
// server is away.

import { expect } from 'vitest'
import type { TestNamespace } from '../kube/namespace.ts'
import type { Pod } from '../kube/pod.ts'
import { until } from '../kube/until.ts'
import type { ZtunnelLog } from './connections.ts'

interface Attempt {
  readonly ok: boolean
  readonly local?: string | null
  readonly errno?: string
}

const INTERVAL_MS = 50

export class Talker {
  readonly pod: Pod
  readonly #ztunnel: ZtunnelLog

  private constructor(pod: Pod, ztunnel: ZtunnelLog) {
    this.pod = pod
    this.#ztunnel = ztunnel
  }

  /** Resolves when it has been carried by ztunnel once. */
  static async start(
    namespace: TestNamespace,
    name: string,
    address: string,
    ztunnel: ZtunnelLog
  ): Promise<Talker> {
    const dial = [
      'dial',
      'connect',
      address,
      '8080',
      '--count',
      '1000000',
      '--interval',
      `${INTERVAL_MS}`,
      '--each'
    ]
    const talker = new Talker(await namespace.run(name, { command: dial }), ztunnel)
    await talker.goesOn(0)
    return talker
  }

  /** How it went so far, oldest first. */
  async attempts(): Promise<Attempt[]> {
    const lines = (await this.pod.log()).split('\n').filter((line) => line.startsWith('{"ok"'))
    return lines.map((line) => JSON.parse(line) as Attempt)
  }

  /** Waits until it has had an answer after the first `count` attempts. @returns the number of attempts */
  async goesOn(count: number): Promise<number> {
    const attempts = await until(
      `${this.pod.name} is answered again`,
      () => this.attempts(),
      (made) => made.slice(count).some(({ ok }) => ok),
      { everyMs: 500 }
    )
    return attempts.length
  }

  /** Every attempt since the first `count` was answered, and carried by ztunnel. @returns how many there were */
  async expectCarried(count: number): Promise<number> {
    const made = (await this.attempts()).slice(count)
    expect(made.filter(({ ok }) => !ok)).toEqual([])
    const carried = new Set((await this.#ztunnel.connections()).map(({ src }) => src))
    const missing = made.filter(({ local }) => !carried.has(local ?? ''))
    // The last ones may be in the application's log already and not yet in ztunnel's.
    expect(missing.filter((attempt) => made.indexOf(attempt) < made.length - 20)).toEqual([])
    return made.length
  }
}
