// SPDX-License-Identifier: Apache-2.0

import type { SchedulerLike } from 'rxjs'
import { from, Observable, type ObservableInput, type OperatorFunction, Subscription } from 'rxjs'

/** What a name stands for from now on; undefined: it is gone. */
export type Taken<C> = readonly [name: string, content: C | undefined]

export interface SettleOptions<C> {
  /** What each of the names stands for, in their order, once. */
  readonly read: (names: readonly string[]) => ObservableInput<readonly (C | undefined)[]>
  readonly isSame: (one: C | undefined, other: C | undefined) => boolean
  /** Milliseconds until the next look, 0 to take what was seen, `same` when it is what was taken last. */
  readonly patience: (former: C | undefined, seen: C | undefined, unchangedMs: number) => number | 'same'
  /** What is taken when this was seen after that. */
  readonly take: (former: C | undefined, seen: C) => C
  /** What is ready waits so long for others that soon are: a change of several files is one batch. */
  readonly togetherMs: number
  /** The first batch waits no longer than this for names that do not settle. */
  readonly firstWithinMs: number
  readonly scheduler: SchedulerLike
}

interface Candidate<C> {
  readonly content: C | undefined
  /** When it was first seen so. */
  readonly since: number
  /** When to look again; not after now: it may be taken. */
  due: number
  /** Since when it could be taken. */
  ready: number | undefined
}

/**
 * Names to look at become what is found there, once it has settled. Everything that settles in one pass is one
 * batch; the first batch is that of the first names, and comes even if it is empty. Completes when the names have
 * completed and all has settled.
 */
export function settle<C>(
  options: SettleOptions<C>
): OperatorFunction<readonly string[], readonly Taken<C>[]> {
  const { read, isSame, patience, take, togetherMs, firstWithinMs, scheduler } = options
  return (names$) =>
    new Observable((subscriber) => {
      const taken = new Map<string, C>()
      const candidates = new Map<string, Candidate<C>>()
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

      const judge = (name: string, seen: C | undefined) => {
        const now = scheduler.now()
        const last = candidates.get(name)
        const former = last !== undefined && isSame(last.content, seen) ? last : undefined
        const since = former?.since ?? now
        const wait = patience(taken.get(name), seen, now - since)
        if (wait === 'same') {
          accept(name, seen)
          return
        }
        const ready = wait > 0 ? undefined : (former?.ready ?? now)
        candidates.set(name, { content: seen, since, due: now + wait, ready })
      }

      const accept = (name: string, seen: C | undefined): Taken<C> => {
        candidates.delete(name)
        held?.names.delete(name)
        const content = seen === undefined ? undefined : take(taken.get(name), seen)
        if (content === undefined) taken.delete(name)
        else taken.set(name, content)
        return [name, content]
      }

      const settled = (names: readonly string[]): Taken<C>[] => {
        const now = scheduler.now()
        const ready = names.filter((name) => candidates.get(name)?.ready !== undefined)
        const soon = Math.min(...[...candidates.values()].map(({ due }) => due).filter((due) => due > now))
        const patient = ready.every((name) => now - (candidates.get(name)?.ready ?? 0) < togetherMs)
        if (soon - now > togetherMs || !patient) {
          return ready.map((name) => accept(name, candidates.get(name)?.content))
        }
        for (const name of ready) {
          const candidate = candidates.get(name)
          if (candidate !== undefined) candidate.due = Math.min(soon, (candidate.ready ?? now) + togetherMs)
        }
        return []
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
        timer.add(
          from(read(names)).subscribe({
            next: (seen) => {
              reading = false
              for (const [index, name] of names.entries()) judge(name, seen[index])
              tell(settled(names))
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
