// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'

export interface Patience {
  /** Default 60 s: the machine may build beside the test. */
  readonly timeoutMs?: number
  readonly everyMs?: number
}

/** Asks until the answer satisfies, and gives it. @throws with `what` and the last answer after `timeoutMs`. */
export async function until<T>(
  what: string,
  ask: () => Promise<T> | T,
  satisfied: (answer: T) => boolean = Boolean,
  { timeoutMs = 60_000, everyMs = 50 }: Patience = {}
): Promise<T> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (satisfied(answer)) return answer
    if (Date.now() > end) {
      const seen = JSON.stringify(answer, undefined, 1) ?? 'nothing'
      throw new Error(`not within ${timeoutMs} ms: ${what}\n${seen.slice(0, 8000)}`)
    }
    await sleep(everyMs)
  }
}
