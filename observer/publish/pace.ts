// SPDX-License-Identifier: Apache-2.0

export interface PaceOptions {
  /** Requests under way. */
  readonly atOnce: number
  /** Requests that need not wait after a quiet time. */
  readonly burst: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly now?: () => number
}

/** Work that waits for its turn, first come first served: so much at once, so much a second. */
export class Pace {
  readonly #options: PaceOptions
  readonly #now: () => number
  readonly #waiting: (() => Promise<void>)[] = []
  #running = 0
  #tokens: number
  #filledAt: number
  #timer: NodeJS.Timeout | undefined

  constructor(options: PaceOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
    this.#tokens = options.burst
    this.#filledAt = this.#now()
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** @param work must not reject */
  run(work: () => Promise<void>): void {
    this.#waiting.push(work)
    this.#advance()
  }

  /** What waits never runs. */
  close(): void {
    clearTimeout(this.#timer)
    this.#waiting.length = 0
  }

  #advance(): void {
    const { atOnce, burst, perSecond } = this.#options
    const now = this.#now()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) * perSecond) / 1_000)
    this.#filledAt = now
    while (this.#tokens >= 1 && this.#running < atOnce) {
      const work = this.#waiting.shift()
      if (work === undefined) return
      this.#tokens -= 1
      this.#running += 1
      void work().finally(() => {
        this.#running -= 1
        this.#advance()
      })
    }
    if (this.#waiting.length > 0 && this.#running < atOnce)
      this.#later(((1 - this.#tokens) * 1_000) / perSecond)
  }

  #later(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#advance(), Math.ceil(ms))
  }
}
