// SPDX-License-Identifier: Apache-2.0
// Logs who was refused what, so many lines a second and no more; of the rest it says how many there were.

import type { Logger } from 'pino'
import type { RefusalEntry } from '../control/protocol.ts'
import { endpointText, isRefusal, type Refusal } from './refusal.ts'

export interface JournalOptions {
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** Unix milliseconds. */
  readonly now: () => number
  readonly podOf: (refusal: Refusal) => string | undefined
  readonly podAt: (address: string) => string | undefined
  /** Of the hooks, since their maps were made. */
  readonly counters: () => Readonly<Record<string, number>>
  /** Has `hear` called with everything that was counted before. */
  readonly flush: () => void
}

const LINES_A_SECOND = 20
const RECENT = 10
/** Part of a pod's life or of ztunnel's restart, not somebody's attempt. */
const EXPECTED: ReadonlySet<string> = new Set([
  'refused_unknown',
  'refused_held',
  'refused_overflow',
  'dropped_not_ready',
  'dropped_no_listener'
])

export class RefusalJournal {
  readonly #options: JournalOptions
  readonly #before: Readonly<Record<string, number>>
  readonly #told = new Map<string, number>()
  readonly #untold = new Map<string, number>()
  #recent: readonly RefusalEntry[] = []
  #heard = false
  #second = Number.NaN
  #lines = 0

  /** What was counted before is nobody's to tell. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#before = options.counters()
  }

  /** The latest that were told, the latest first. */
  get recent(): readonly RefusalEntry[] {
    return this.#recent
  }

  hear(refusals: readonly Refusal[]): void {
    this.#heard ||= refusals.length > 0
    for (const refusal of refusals) if (this.#hasRoom()) this.#tell(refusal)
  }

  /**
   * Says how many were refused since the last time and not told of.
   * @returns whether there may be more
   */
  settle(): boolean {
    const counters = this.#options.counters()
    this.#options.flush()
    let any = this.#heard
    this.#heard = false
    for (const [reason, count] of Object.entries(counters).filter(([name]) => isRefusal(name))) {
      const untold = count - (this.#before[reason] ?? 0) - (this.#told.get(reason) ?? 0)
      const more = untold - (this.#untold.get(reason) ?? 0)
      if (more <= 0) continue
      any = true
      this.#untold.set(reason, untold)
      this.#options.log[levelOf(reason)]({ reason, suppressed: more }, 'more was refused than was told of')
    }
    return any
  }

  #hasRoom(): boolean {
    const second = Math.floor(this.#options.now() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#lines = 0
    }
    return this.#lines++ < LINES_A_SECOND
  }

  #tell(refusal: Refusal): void {
    const { reason } = refusal
    const entry = this.#entryOf(refusal)
    this.#told.set(reason, (this.#told.get(reason) ?? 0) + 1)
    this.#recent = [entry, ...this.#recent].slice(0, RECENT)
    const { at: _, ...fields } = entry
    this.#options.log[levelOf(reason)](fields, 'refused')
  }

  #entryOf(refusal: Refusal): RefusalEntry {
    const { reason, peer, dialled, process } = refusal
    const pod = this.#options.podOf(refusal)
    const peerPod = peer === undefined ? undefined : this.#options.podAt(peer.address)
    return {
      at: new Date(this.#options.now()).toISOString(),
      reason,
      ...(pod === undefined ? {} : { pod }),
      direction: dialled === undefined ? 'outbound' : 'inbound',
      ...(peer === undefined ? {} : { peer: endpointText(peer) }),
      ...(peerPod === undefined ? {} : { peerPod }),
      ...(dialled === undefined ? {} : { dialled: endpointText(dialled) }),
      ...process
    }
  }
}

function levelOf(reason: string): 'info' | 'warn' {
  return EXPECTED.has(reason) ? 'info' : 'warn'
}
