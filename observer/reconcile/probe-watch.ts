// SPDX-License-Identifier: Apache-2.0
// Notices that the network translates the kubelet's address: its connections arrive, but not as it made them.

/** How the kubelet's connections to a pod have arrived so far. */
export interface Arrivals {
  /** As it made them: they were exempt. */
  readonly met: bigint
  /** As somebody else made them of them. */
  readonly translated: bigint
  /** By a node's address that the operator has named. */
  readonly passed: bigint
  /** Who dialled probed ports last and was not exempt. */
  readonly strangers: readonly string[]
}

interface Seen extends Arrivals {
  readonly failing: string | undefined
}

export class ProbeWatch {
  /** By what the agent holds open of the pod. */
  readonly #seen = new WeakMap<object, Seen>()

  /** Why probes do not pass ztunnel by; undefined: they do, or nothing has been probed. */
  look(dwelling: object, arrivals: Arrivals): string | undefined {
    const former = this.#seen.get(dwelling)
    const failing = this.#judge(arrivals, former)
    this.#seen.set(dwelling, { ...arrivals, failing })
    return failing
  }

  #judge({ met, translated, passed, strangers }: Arrivals, former: Seen | undefined): string | undefined {
    const lost = translated - passed
    const lostBefore = (former?.translated ?? 0n) - (former?.passed ?? 0n)
    // The text stays as it was when it began: a new one would be news.
    if (lost > lostBefore) return former?.failing ?? sentence(strangers)
    const arrived = met > (former?.met ?? 0n) || passed > (former?.passed ?? 0n)
    return arrived ? undefined : former?.failing
  }
}

function sentence(strangers: readonly string[]): string {
  const from = strangers.length === 0 ? '' : ` (probed ports were dialled from ${strangers.join(', ')})`
  return `the kubelet's address is translated on the way, so its probes go through ztunnel${from}`
}
