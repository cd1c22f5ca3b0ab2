// SPDX-License-Identifier: Apache-2.0
// When to look whether ztunnel answers DNS in a pod: the next one may not, or may again.

/** An older ztunnel may be a minute in closing what it listens on. */
const LOOKS = 12

interface Seen {
  readonly listeners: string
  readonly left: number
}

export class ResolverWatch {
  /** By what the agent holds open of the pod. */
  readonly #seen = new WeakMap<object, Seen>()

  /**
   * At rest nobody is asked: to look costs more than everything else that is compared.
   * @param listeners ztunnel's, as they are registered; its resolver listens before they do
   */
  isDue(dwelling: object, listeners: string): boolean {
    const former = this.#seen.get(dwelling)
    const left = former?.listeners === listeners ? former.left : LOOKS
    this.#seen.set(dwelling, { listeners, left: Math.max(0, left - 1) })
    return left > 0
  }
}
