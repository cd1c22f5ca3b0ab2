// SPDX-License-Identifier: Apache-2.0
// How many lines of a second's log each of those who are refused may have, so that none hides another.

/** Of a pod of the node: its first line in a second is told whatever others do. */
export interface Culprit {
  readonly name: string
  /** Not a pod of the node: as many of them as somebody has addresses. */
  readonly stranger: boolean
}

const LINES_A_SECOND = 20
const LINES_OF_ONE = 5

export class Shares {
  readonly #now: () => number
  readonly #used = new Map<string, number>()
  #second = Number.NaN
  #lines = 0

  /** @param now Unix milliseconds */
  constructor(now: () => number) {
    this.#now = now
  }

  /** @returns whether there is room for one more line */
  take({ name, stranger }: Culprit): boolean {
    this.#turnPage()
    const used = this.#used.get(name) ?? 0
    const first = used === 0 && !stranger
    if (used >= LINES_OF_ONE || (this.#lines >= LINES_A_SECOND && !first)) return false
    this.#used.set(name, used + 1)
    this.#lines++
    return true
  }

  #turnPage(): void {
    const second = Math.floor(this.#now() / 1000)
    if (second === this.#second) return
    this.#second = second
    this.#lines = 0
    this.#used.clear()
  }
}
