// SPDX-License-Identifier: Apache-2.0

import { type MonoTypeOperatorFunction, Observable, type SchedulerLike, type Subscription } from 'rxjs'
import { ApiFailure } from '../../kubernetes/failure.ts'

export interface AliveOptions<T> {
  /** Whoever gives one sign gives more: silence means something from then on. */
  readonly isSign: (value: T) => boolean
  /** Nothing at all for so long after a sign: the other side is gone. */
  readonly silenceMs: number
  /** The other side ends the stream itself before this. */
  readonly lifeMs: number
  readonly scheduler: SchedulerLike
}

/** Finds the connection whose other end is gone without a word; errors with ApiFailure. */
export function alive<T>(options: AliveOptions<T>): MonoTypeOperatorFunction<T> {
  const { isSign, silenceMs, lifeMs, scheduler } = options
  return (source$) =>
    new Observable((subscriber) => {
      let signed = false
      let silence: Subscription | undefined
      const die = () => subscriber.error(new ApiFailure(0, 'connection has gone silent'))
      subscriber.add(scheduler.schedule(die, lifeMs))
      subscriber.add(() => silence?.unsubscribe())
      subscriber.add(
        source$.subscribe({
          next: (value) => {
            signed ||= isSign(value)
            silence?.unsubscribe()
            if (signed) silence = scheduler.schedule(die, silenceMs)
            subscriber.next(value)
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => subscriber.complete()
        })
      )
    })
}
