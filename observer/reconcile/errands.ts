// SPDX-License-Identifier: Apache-2.0
// One thing at a time for each pod, many pods at once. A later errand calls an earlier one off.

import type { PodUid } from '../pods/pod.ts'

interface Errand {
  readonly done: Promise<void>
  readonly controller: AbortController
}

export class Errands {
  readonly #running = new Map<PodUid, Errand>()

  /** Pods that something is being done for. */
  get busy(): number {
    return this.#running.size
  }

  /**
   * Aborts what runs for the pod, and begins when it has ended.
   * @param work must not reject; it is told when a later errand calls it off
   */
  run(uid: PodUid, work: (signal: AbortSignal) => Promise<void>): void {
    const former = this.#running.get(uid)
    const controller = new AbortController()
    former?.controller.abort()
    const done = (former?.done ?? Promise.resolve()).then(() => work(controller.signal))
    const errand = { done, controller }
    this.#running.set(uid, errand)
    void done.finally(() => {
      if (this.#running.get(uid) === errand) this.#running.delete(uid)
    })
  }

  /** Calls everything off; resolves when it has ended. */
  async close(): Promise<void> {
    const running = [...this.#running.values()]
    for (const { controller } of running) controller.abort()
    await Promise.all(running.map(({ done }) => done))
  }
}
