// SPDX-License-Identifier: Apache-2.0
// Warnings about pods, so many of each pod in a while and no more; of the rest it says how many there were.

import type { Logger } from 'pino'

const LINES = 10
const WHILE_MS = 10_000

interface Page {
  readonly since: number
  lines: number
}

export class PodJournal {
  readonly #log: Pick<Logger, 'warn'>
  readonly #now: () => number
  readonly #pages = new Map<string, Page>()

  /** @param now milliseconds of a clock that never goes back */
  constructor(log: Pick<Logger, 'warn'>, now: () => number) {
    this.#log = log
    this.#now = now
  }

  /** @param pod "namespace/name", or its uid */
  warn(pod: string, fields: object, sentence: string): void {
    this.settle()
    const page = this.#pages.get(pod) ?? { since: this.#now(), lines: 0 }
    this.#pages.set(pod, page)
    if (page.lines++ < LINES) this.#log.warn({ pod, ...fields }, sentence)
  }

  /** Says how many lines there were more, in the while that is over. */
  settle(): void {
    for (const [pod, { since, lines }] of this.#pages) {
      if (this.#now() - since < WHILE_MS) continue
      this.#pages.delete(pod)
      const suppressed = lines - LINES
      if (suppressed > 0) this.#log.warn({ pod, suppressed }, 'more was found in the pod than was told of')
    }
  }
}
