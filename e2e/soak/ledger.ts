// SPDX-License-Identifier: Apache-2.0
// Every connection, judged once: which way it took, whether it was to take it, and whose fault a failure is.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Presences } from './presence.ts'
import type { Standings } from './standing.ts'
import type { Call } from './traffic.ts'
import type { Witness } from './witness.ts'

export const EXCUSES = {
  'ztunnel killed': 'ztunnel was killed while it carried the connection',
  'nobody there': 'ztunnel and the agent were both dead, so nobody let the SYN wait',
  'new pod': 'the pod was new and held',
  'ended pod': 'the pod ended'
} as const
export type Excuse = keyof typeof EXCUSES

export type Verdict = 'carried' | 'plain' | 'leaked' | 'strayed' | 'failed' | Excuse

/** When an agent or a ztunnel was killed: the signal, and the death. */
export interface Kill {
  readonly from: number
  to: number
}

export interface Facts {
  readonly standings: Standings
  readonly presences: Presences
  readonly ztunnelKills: readonly Kill[]
  readonly witness: Witness
}

/** Telling which is which by its port alone needs some time around: clocks are read before and after the act. */
const SLACK_MS = 5
const JUDGED_AFTER_MS = 1_000
/** The sockets of a process that is dead already are closed by a worker of the kernel, a little later. */
const CLOSING_MS = 50

export class Ledger {
  readonly faults: (Call & { readonly verdict: Verdict })[] = []
  readonly #facts: Facts
  readonly #counts = new Map<string, number>()
  readonly #from: number
  #until = Number.POSITIVE_INFINITY
  #undecided = 0

  /** Takes connections that begin from now on. */
  constructor(facts: Facts) {
    this.#facts = facts
    this.#from = Date.now()
  }

  /** Connections that begin from now on are another's. */
  close(): void {
    this.#until = Date.now()
  }

  /** ms */
  get length(): number {
    return Math.min(this.#until, Date.now()) - this.#from
  }

  /** Judged a little later, when everybody who looks from time to time has looked. */
  take(call: Call): void {
    if (call.at < this.#from || call.at >= this.#until) return
    this.#undecided++
    setTimeout(() => {
      this.#undecided--
      this.#enter(call)
    }, JUDGED_AFTER_MS)
  }

  /** Waits for the last judgement. */
  async judged(): Promise<void> {
    while (this.#undecided > 0) await sleep(JUDGED_AFTER_MS)
  }

  #enter(call: Call): void {
    const verdict = judge(call, this.#facts)
    const { direction, family } = call
    const key = keyOf([verdict, direction, family])
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    if (verdict === 'leaked' || verdict === 'strayed' || verdict === 'failed')
      this.faults.push({ ...call, verdict })
  }

  count(verdict?: Verdict, direction?: Call['direction'], family?: Call['family']): number {
    const wanted = [verdict, direction, family].filter((each) => each !== undefined)
    return [...this.#counts]
      .filter(([key]) => wanted.every((each) => key.includes(keyOf([each]))))
      .reduce((sum, [, count]) => sum + count, 0)
  }
}

function keyOf(parts: readonly string[]): string {
  return `|${parts.join('|')}|`
}

function judge(call: Call, facts: Facts): Verdict {
  const standing = facts.standings.during(call.pod, call.at, call.end)
  const captured = [...standing].every((each) => each === 'member' || each === 'held')
  if (isPlain(call, facts.witness)) return captured ? 'leaked' : 'plain'
  if (!call.ok) return excuse(call, facts, standing)
  return standing.size === 1 && standing.has('outside') ? 'strayed' : 'carried'
}

/** The server met the client's own socket. One that told the client nothing is asked itself. */
function isPlain({ seen, local, direction, at, end }: Call, witness: Witness): boolean {
  if (seen !== undefined) return seen === local
  return direction === 'outbound' && witness.saw(local, at - SLACK_MS, end + SLACK_MS)
}

function excuse(call: Call, facts: Facts, standing: ReadonlySet<string>): Verdict {
  if (standing.has('gone')) return 'ended pod'
  if (standing.has('held') && call.failure === 'ECONNREFUSED') return 'new pod'
  if (facts.ztunnelKills.some((kill) => overlap(call, kill))) return 'ztunnel killed'
  const { pod, at, end } = call
  return facts.presences.lacked(pod, at, end) ? 'nobody there' : 'failed'
}

function overlap({ at, end }: Call, { from, to }: Kill): boolean {
  return from <= end && to + CLOSING_MS >= at
}
