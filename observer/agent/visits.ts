// SPDX-License-Identifier: Apache-2.0
// One visit at a time to each pod, and so many a second: a pod that changes its own namespace without end costs the
// agent no more than that.

import type { PodUid } from '../pods/pod.ts'

/** So many visits wait for nothing; the next ones come one by one, INTERVAL_MS apart. */
const AT_ONCE = 10
const INTERVAL_MS = 100

interface Visited {
  under: 'no visit' | 'a visit' | 'a visit, and is due for another'
  /** When the latest visits would have ended, had they come one by one; ms. */
  spent: number
}

export class Visits {
  readonly #visit: (uid: PodUid) => Promise<void>
  readonly #now: () => number
  readonly #pods = new Map<PodUid, Visited>()

  /**
   * @param visit does not fail
   * @param now milliseconds of a clock that never goes back
   */
  constructor(visit: (uid: PodUid) => Promise<void>, now: () => number) {
    this.#visit = visit
    this.#now = now
  }

  /**
   * A pod that is visited already gets one more visit afterwards, however often it is asked for.
   * @returns when the visit has ended, or at once where one is under way
   */
  async make(uid: PodUid): Promise<void> {
    const pod = this.#pods.get(uid) ?? { under: 'no visit', spent: 0 }
    if (pod.under !== 'no visit') {
      pod.under = 'a visit, and is due for another'
      return
    }
    this.#pods.set(uid, pod)
    pod.under = 'a visit'
    await this.#turn(pod)
    // What was asked for until now, this visit sees.
    pod.under = 'a visit'
    await this.#visit(uid)
    const again = this.#pods.get(uid)?.under !== 'a visit'
    pod.under = 'no visit'
    if (again) void this.make(uid)
  }

  /** Forgets the pods that were not visited lately. */
  tidy(): void {
    for (const [uid, { under, spent }] of this.#pods)
      if (under === 'no visit' && spent <= this.#now()) this.#pods.delete(uid)
  }

  async #turn(pod: Visited): Promise<void> {
    const wait = pod.spent - this.#now() - (AT_ONCE - 1) * INTERVAL_MS
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait).unref())
    pod.spent = Math.max(pod.spent, this.#now()) + INTERVAL_MS
  }
}
