// SPDX-License-Identifier: Apache-2.0
// The kernel's events and the scans as one stream of process facts.

import { concat, concatMap, defer, from, map, merge, type Observable, of } from 'rxjs'
import { type Event, event_kind } from '#contract'
import type { Kubepods } from '../processes/kubepods.ts'
import type { ProcessEvent } from '../processes/process-event.ts'

export interface ProcessSources {
  readonly kubepods: Pick<Kubepods, 'translate' | 'missed' | 'scan'>
  readonly events$: Observable<readonly Event[]>
  /** Each value asks for a scan of all cgroups. */
  readonly scans$: Observable<unknown>
  /** Awaited before each scan: the pods of a root that no event has told of have no hooks before. */
  readonly followRoots: () => Promise<void>
  /** A scan that failed; the next one may do better, and what was known stays known. */
  readonly onProblem: (error: unknown) => void
}

/**
 * Facts in the order of the kernel's events. A scan runs between two batches, never during one, so that a pod that
 * it no longer finds was not added meanwhile. A kubepods root or a QoS class that was made is scanned for, before the
 * events after it.
 */
export function followProcesses({
  kubepods,
  events$,
  scans$,
  followRoots,
  onProblem
}: ProcessSources): Observable<ProcessEvent> {
  const scan = async (): Promise<readonly ProcessEvent[]> => {
    try {
      await followRoots()
      return await kubepods.scan()
    } catch (error) {
      onProblem(error)
      return []
    }
  }
  const translate = (events: readonly Event[]) =>
    events.flatMap((event) => {
      const fact = kubepods.translate(event)
      return fact === undefined ? [] : [fact]
    })
  const batch = async (events: readonly Event[]): Promise<readonly ProcessEvent[]> => {
    const facts: ProcessEvent[] = []
    for (const event of events) {
      if (event.kind === event_kind.EVENT_ROOT_ADDED) facts.push(...(await scan()))
      else facts.push(...translate([event]))
    }
    return facts
  }
  const rooted = (events: readonly Event[]) => events.some(({ kind }) => kind === event_kind.EVENT_ROOT_ADDED)
  const tell = (events: readonly Event[]) => {
    const facts = of(translate(events))
    return events.some((event) => kubepods.missed(event)) ? concat(facts, defer(scan)) : facts
  }
  const work$ = merge(
    events$.pipe(map((events) => (rooted(events) ? () => from(batch(events)) : () => tell(events)))),
    scans$.pipe(map(() => () => from(scan())))
  )
  return work$.pipe(
    concatMap((work) => work()),
    concatMap((facts) => from(facts))
  )
}
