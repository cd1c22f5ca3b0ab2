// SPDX-License-Identifier: Apache-2.0
// Follows what hooks refuse, with the names of the pods that are concerned.

import { exhaustMap, map, type Observable, repeat, takeWhile, tap, timer } from 'rxjs'
import type { RefusalJournal } from './journal.ts'
import type { Refusal } from './refusal.ts'

/** Longer than the period in which the kernel tells of a few only. */
const SETTLE_MS = 2_000

/** Costs nothing while nobody is refused. */
export function followRefusals(
  refusals$: Observable<readonly Refusal[]>,
  journal: Pick<RefusalJournal, 'hear' | 'settle'>
): Observable<boolean> {
  return refusals$.pipe(
    tap((refusals) => journal.hear(refusals)),
    exhaustMap(() =>
      timer(SETTLE_MS).pipe(
        map(() => journal.settle()),
        repeat(),
        takeWhile((more) => more)
      )
    )
  )
}
