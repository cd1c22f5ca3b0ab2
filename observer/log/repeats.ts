// SPDX-License-Identifier: Apache-2.0

/**
 * Lets a repeated warning through once per interval, with the number of times it was kept back.
 * Remembers at most `maxKeys` keys; the one that was let through longest ago is forgotten first.
 */
export class RepeatLimiter {
  readonly #intervalMs: number
  readonly #now: () => number
  readonly #maxKeys: number
  readonly #seen = new Map<string, { last: number; suppressed: number }>()

  /** @param now milliseconds of a clock that does not go back */
  constructor(intervalMs: number, now: () => number = () => performance.now(), maxKeys = 1024) {
    this.#intervalMs = intervalMs
    this.#now = now
    this.#maxKeys = maxKeys
  }

  /** Undefined: say nothing now. Else say it, and that it was kept back `suppressed` times since the last. */
  admit(key: string): { readonly suppressed: number } | undefined {
    const now = this.#now()
    const entry = this.#seen.get(key)
    if (entry !== undefined && now - entry.last < this.#intervalMs) {
      entry.suppressed += 1
      return undefined
    }
    // Deleted first, so that the map's order is the order of admission.
    this.#seen.delete(key)
    this.#seen.set(key, { last: now, suppressed: 0 })
    const [oldest] = this.#seen.keys()
    if (this.#seen.size > this.#maxKeys && oldest !== undefined) this.#seen.delete(oldest)
    return { suppressed: entry?.suppressed ?? 0 }
  }
}
