// SPDX-License-Identifier: Apache-2.0

import type { SchedulerLike } from 'rxjs'
import {
  forkJoin,
  from,
  map,
  Observable,
  type ObservableInput,
  type OperatorFunction,
  Subscription
} from 'rxjs'

/** What a name stands for from now on; undefined: it is gone. */
export type Taken<C> = readonly [name: string, content: C | undefined]

export interface SettleOptions<C> {
  readonly read: (name: string) => ObservableInput<C | undefined>
  readonly isSame: (one: C | undefined, other: C | undefined) => boolean
  /** Milliseconds until the next look, 0 to take what was seen, `same` when it is what was taken last. */
  readonly patience: (former: C | undefined, seen: C | undefined, unchangedMs: number) => number | 'same'
  /** What is taken when this was seen after that. */
  readonly take: (former: C | undefined, seen: C) => C
  /** The first batch waits no longer than this for names that do not settle. */
  readonly firstWithinMs: number
  readonly scheduler: SchedulerLike
}

/**
 * Names to look at become what is found there, once it has settled. Everything that settles in one pass is one
 * batch; the first batch is that of the first names, and comes even if it is empty. Completes when the names have
 * completed and all has settled.
 */
export function settle<C>(
  options: SettleOptions<C>
): OperatorFunction<readonly string[], readonly Taken<C>[]> {
  const { read, isSame, patience, take, firstWithinMs, scheduler } = options
  return (names$) =>
    new Observable((subscriber) => {
      const taken = new Map<string, C>()
      const candidates = new Map<string, { content: C | undefined; since: number; due: number }>()
      const dirty = new Set<string>()
      const timer = new Subscription()
      let held: { names: Set<string>; batch: Taken<C>[] } | undefined
      let alarm: Subscription | undefined
      let started = false
      let reading = false
      let completed = false

      const release = () => {
        if (held === undefined) return
        const { batch } = held
        held = undefined
        subscriber.next(batch)
      }

      const judge = (name: string, seen: C | undefined): Taken<C>[] => {
        const now = scheduler.now()
        const candidate = candidates.get(name)
        const since = candidate !== undefined && isSame(candidate.content, seen) ? candidate.since : now
        const wait = patience(taken.get(name), seen, now - since)
        if (typeof wait === 'number' && wait > 0) {
          candidates.set(name, { content: seen, since, due: now + wait })
          return []
        }
        candidates.delete(name)
        held?.names.delete(name)
        const content = seen === undefined ? undefined : take(taken.get(name), seen)
        if (content === undefined) taken.delete(name)
        else taken.set(name, content)
        return wait === 'same' ? [] : [[name, content]]
      }

      const tell = (batch: readonly Taken<C>[]) => {
        if (held === undefined) {
          if (batch.length > 0) subscriber.next(batch)
          return
        }
        held.batch.push(...batch)
        if (held.names.size === 0) release()
      }

      const arm = () => {
        alarm?.unsubscribe()
        const due = Math.min(...[...candidates.values()].map((candidate) => candidate.due))
        if (due === Number.POSITIVE_INFINITY) {
          if (completed && dirty.size === 0) subscriber.complete()
          return
        }
        alarm = scheduler.schedule(
          () => {
            const now = scheduler.now()
            for (const [name, candidate] of candidates) if (candidate.due <= now) dirty.add(name)
            look()
          },
          Math.max(0, due - scheduler.now())
        )
      }

      const look = () => {
        if (reading) return
        const names = [...dirty]
        dirty.clear()
        if (names.length === 0) {
          tell([])
          arm()
          return
        }
        reading = true
        const looks = names.map((name) => from(read(name)).pipe(map((seen) => [name, seen] as const)))
        timer.add(
          forkJoin(looks).subscribe({
            next: (seen) => {
              reading = false
              tell(seen.flatMap(([name, content]) => judge(name, content)))
              if (dirty.size > 0) look()
              else arm()
            },
            error: (error: unknown) => subscriber.error(error)
          })
        )
      }

      timer.add(() => alarm?.unsubscribe())
      timer.add(
        names$.subscribe({
          next: (names) => {
            if (!started) {
              started = true
              held = { names: new Set(names), batch: [] }
              timer.add(scheduler.schedule(release, firstWithinMs))
            }
            for (const name of names) dirty.add(name)
            look()
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            completed = true
            look()
          }
        })
      )
      return timer
    })
}
