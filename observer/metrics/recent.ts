// SPDX-License-Identifier: Apache-2.0

/**
 * Asks no more often than every `ms`: whoever comes earlier is given the last answer, also one that is still awaited.
 * @param now milliseconds
 */
export function recent<T>(ms: number, ask: () => T, now: () => number = () => performance.now()): () => T {
  let last: { readonly asked: number; readonly answer: T } | undefined
  return () => {
    const asked = now()
    if (last === undefined || asked - last.asked >= ms) last = { asked, answer: ask() }
    return last.answer
  }
}
