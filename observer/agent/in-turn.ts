// SPDX-License-Identifier: Apache-2.0

import { merge, type Observable, observeOn, queueScheduler } from 'rxjs'

/** All of these as one; what comes while one is being heard waits until that is done with. */
export function inTurn<T>(...facts: readonly Observable<T>[]): Observable<T> {
  return merge(...facts).pipe(observeOn(queueScheduler))
}
