// SPDX-License-Identifier: Apache-2.0
// What the connections of each pod must be like, over time.

/**
 * - `outside`: they go as they are
 * - `member`: ztunnel carries every one
 * - `held`: new; refused or carried, never as they are
 * - `changing`: it joins or leaves; either
 * - `gone`: it has ended
 */
export type Standing = 'outside' | 'member' | 'held' | 'changing' | 'gone'

interface Change {
  /** ms since the epoch. */
  readonly at: number
  readonly to: Standing
}

export class Standings {
  readonly #changes = new Map<string, Change[]>()

  /** From now on. */
  set(pod: string, to: Standing): void {
    const changes = this.#changes.get(pod) ?? []
    changes.push({ at: Date.now(), to })
    this.#changes.set(pod, changes)
  }

  now(pod: string): Standing | undefined {
    return this.#changes.get(pod)?.at(-1)?.to
  }

  /** What became of the pod, in ms from a moment. */
  story(pod: string, at: number): string {
    const changes = this.#changes.get(pod) ?? []
    return changes.map((change) => `${change.to} at ${change.at - at}`).join(', ')
  }

  /** Everything that the pod was at some time from `from` to `to`. */
  during(pod: string, from: number, to: number): ReadonlySet<Standing> {
    const changes = this.#changes.get(pod) ?? []
    const first = changes.findLast(({ at }) => at < from)
    const within = changes.filter(({ at }) => at >= from && at <= to)
    return new Set([...(first === undefined ? [] : [first]), ...within].map(({ to: standing }) => standing))
  }
}
