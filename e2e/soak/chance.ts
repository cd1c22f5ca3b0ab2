// SPDX-License-Identifier: Apache-2.0

/** Chance that can be had again: the same seed gives the same numbers. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Below 1, from 0 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  /** Moments from 0 to `until`, `gap` apart on average and never less than half of that. */
  moments(gap: number, until: number): number[] {
    const moments: number[] = []
    for (let at = this.between(0, gap); at < until; at += this.between(gap / 2, gap * 1.5)) moments.push(at)
    return moments
  }
}
