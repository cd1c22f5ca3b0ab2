// SPDX-License-Identifier: Apache-2.0

/** Lets so much run at once, and the rest wait, first come first served. */
export class Turns {
  readonly #limit: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Begins before it returns when there is a turn. */
  take<T>(work: () => Promise<T>): Promise<T> {
    return this.#begin(work).finally(() => this.#pass())
  }

  #begin<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running === this.#limit) {
      return new Promise<void>((resolve) => this.#waiting.push(resolve)).then(work)
    }
    this.#running++
    return work()
  }

  #pass(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next()
  }
}
