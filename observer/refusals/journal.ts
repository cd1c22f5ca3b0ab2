// SPDX-License-Identifier: Apache-2.0
// Logs who was refused what, so many lines a second of each and no more; of the rest it says how many there were.

import type { Logger } from 'pino'
import type { RefusalEntry } from '../control/protocol.ts'
import { endpointText, isRefusal, type Refusal } from './refusal.ts'
import { type Culprit, Shares } from './shares.ts'

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

const RECENT = 10
const RECENT_OF_ONE = 3
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
  readonly #shares: Shares
  #recent: readonly { readonly by: string; readonly entry: RefusalEntry }[] = []
  #heard = false

  /** What was counted before is nobody's to tell. */
  constructor(options: JournalOptions) {
    this.#options = options
    this.#shares = new Shares(options.now)
    this.#before = options.counters()
  }

  /** The latest that were told, the latest first, and not all of one pod. */
  get recent(): readonly RefusalEntry[] {
    return this.#recent.map(({ entry }) => entry)
  }

  hear(refusals: readonly Refusal[]): void {
    this.#heard ||= refusals.length > 0
    for (const refusal of refusals) {
      const entry = this.#entryOf(refusal)
      const culprit = culpritOf(entry, refusal)
      if (this.#shares.take(culprit)) this.#tell(entry, culprit)
    }
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

  #tell(entry: RefusalEntry, { name: by }: Culprit): void {
    const { at: _, ...fields } = entry
    const { reason } = entry
    this.#told.set(reason, (this.#told.get(reason) ?? 0) + 1)
    const former = this.#recent.filter((each) => each.by === by).slice(0, RECENT_OF_ONE - 1)
    const kept = this.#recent.filter((each) => each.by !== by || former.includes(each))
    this.#recent = [{ by, entry }, ...kept].slice(0, RECENT)
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

/**
 * Who tried: the pod, or of what comes from outside the peer. Inbound is apart: a source address may be forged, and
 * must not use up what the pod itself is told of.
 */
function culpritOf({ pod, peerPod, direction }: RefusalEntry, { peer }: Refusal): Culprit {
  if (direction === 'outbound') return { name: `${pod ?? 'no pod'} dials`, stranger: pod === undefined }
  const name = peerPod ?? peer?.address ?? 'nobody'
  return { name: `${name} is dialling`, stranger: peerPod === undefined }
}

function levelOf(reason: string): 'info' | 'warn' {
  return EXPECTED.has(reason) ? 'info' : 'warn'
}
