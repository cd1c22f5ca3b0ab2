// SPDX-License-Identifier: Apache-2.0
// Connections that were not served, or not any longer: each one counted, few of them logged.

import type { Logger } from 'pino'

/** A peer that is refused dials again at once, as ztunnel does: one line for each reason in this time. */
export const LOG_INTERVAL_MS = 10_000

export class Refusals {
  readonly counts: Record<string, number> = {}
  readonly #log: Logger
  readonly #now: () => number
  readonly #logged = new Map<string, { at: number; suppressed: number }>()

  constructor(log: Logger, now: () => number) {
    this.#log = log
    this.#now = now
  }

  note(reason: string, fields: Readonly<Record<string, unknown>>): void {
    this.counts[reason] = (this.counts[reason] ?? 0) + 1
    const last = this.#logged.get(reason)
    if (last !== undefined && this.#now() - last.at < LOG_INTERVAL_MS) {
      last.suppressed += 1
      return
    }
    this.#logged.set(reason, { at: this.#now(), suppressed: 0 })
    this.#log.warn({ reason, suppressed: last?.suppressed ?? 0, ...fields }, 'zds connection closed')
  }
}
