// SPDX-License-Identifier: Apache-2.0
// The kernel's events and the scans as one stream of process facts.

import { concat, concatMap, defer, from, map, merge, type Observable, of } from 'rxjs'
import { type Event, event_kind } from '#contract'
import type { Kubepods } from '../processes/kubepods.ts'
import type { ProcessEvent } from '../processes/process-event.ts'
import type { CgroupRoot } from '../processes/roots.ts'

export interface ProcessSources {
  readonly kubepods: Pick<Kubepods, 'translate' | 'missed' | 'refresh' | 'scan'>
  readonly events$: Observable<readonly Event[]>
  /** Each value asks for a scan of all cgroups. */
  readonly scans$: Observable<unknown>
  /** Awaited when a kubepods root or a QoS class was made, before the events after it. */
  readonly onRoots: () => Promise<void>
  /** A scan that failed; the next one may do better, and what was known stays known. */
  readonly onProblem: (error: unknown) => void
}

/**
 * Facts in the order of the kernel's events. A scan runs between two batches, never during one, so that a pod that
 * it no longer finds was not added meanwhile.
 */
export function followProcesses({
  kubepods,
  events$,
  scans$,
  onRoots,
  onProblem
}: ProcessSources): Observable<ProcessEvent> {
  const scan = async (): Promise<readonly ProcessEvent[]> => {
    try {
      await kubepods.refresh()
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
      if (event.kind === event_kind.EVENT_ROOT_ADDED) {
        await onRoots()
        facts.push(...(await scan()))
      } else facts.push(...translate([event]))
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

/**
 * Looks for the roots until no more come: the kernel tells of a QoS class only when its root was known before it
 * was made.
 */
export async function followRoots(
  kubepods: Pick<Kubepods, 'refresh'>,
  kernel: { follow(roots: readonly CgroupRoot[]): void }
): Promise<readonly CgroupRoot[]> {
  const followed = new Set<bigint>()
  for (;;) {
    const roots = await kubepods.refresh()
    kernel.follow(roots)
    if (roots.every(({ id }) => followed.has(id))) return roots
    for (const { id } of roots) followed.add(id)
  }
}
