// SPDX-License-Identifier: Apache-2.0
// An agent that nobody follows lets the pods leave before it ends: what ztunnel carries may end first, and ztunnel is
// told. A proxy that it is not told of would listen in the pod for ever, with nothing to guard its ports.

import type { Logger } from 'pino'
import { filter, firstValueFrom, interval, map, merge, race, Subject, startWith, timer } from 'rxjs'
import { podRef } from '../pods/pod.ts'
import type { PodState } from '../pods/state.ts'
import type { PodSource, SourceEvent } from '../sources/source.ts'

/** What leaving takes besides the drain: ztunnel's answers, rules and routes. */
const LEAVING_MS = 5_000
const LOOK_MS = 50

export class Retirement {
  /** The source, to which the retirement is one fact more. */
  readonly source: PodSource
  readonly #begun = new Subject<SourceEvent>()

  constructor({ name, events$ }: PodSource) {
    this.source = { name, events$: merge(events$, this.#begun) }
  }

  /**
   * Every pod leaves the mesh. Resolves when all have, or when the time for it is over.
   * @param states of the pods at that moment
   */
  async complete(
    states: () => readonly PodState[],
    drainTimeout: number,
    log: Pick<Logger, 'info' | 'warn'>
  ): Promise<void> {
    this.#begun.next({ kind: 'retired' })
    const leaving = () => states().filter(({ phase }) => phase === 'leaving')
    log.info({ pods: leaving().length }, 'no agent follows: every pod leaves the mesh')
    const left$ = interval(LOOK_MS).pipe(
      startWith(0),
      map(leaving),
      filter((pods) => pods.length === 0)
    )
    const late = await firstValueFrom(race(left$, timer(drainTimeout + LEAVING_MS).pipe(map(leaving))))
    const pods = late.map(({ uid, pod }) => (pod === undefined ? uid : podRef(pod)))
    if (pods.length > 0) log.warn({ pods }, 'pods have not left the mesh in time: their connections end')
  }
}
