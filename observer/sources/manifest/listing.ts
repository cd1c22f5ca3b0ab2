// SPDX-License-Identifier: Apache-2.0

import { delay, map, type Observable, type SchedulerLike, Subject } from 'rxjs'
import { SluiceError } from '../../errors/error.ts'
import type { SourceEvent } from '../source.ts'
import type { DirectoryChange } from './watch.ts'

const AGAIN_MS = 2000

/**
 * The names in a directory that now and then cannot be listed: no permission, no descriptor left, an I/O error. It
 * is told as a problem, tried again, and meanwhile what is known stays known.
 */
export class Listing {
  readonly #events = new Subject<SourceEvent>()
  readonly #failures = new Subject<void>()
  readonly #directory: string
  readonly #names: () => Promise<readonly string[]>
  readonly #scheduler: SchedulerLike
  #state: 'new' | 'listed' | 'failed' = 'new'

  constructor(directory: string, names: () => Promise<readonly string[]>, scheduler: SchedulerLike) {
    this.#directory = directory
    this.#names = names
    this.#scheduler = scheduler
  }

  /** `problem` and `mended`. */
  get events$(): Observable<SourceEvent> {
    return this.#events
  }

  /** A time after each failure. */
  get again$(): Observable<DirectoryChange> {
    return this.#failures.pipe(
      delay(AGAIN_MS, this.#scheduler),
      map(() => 'all')
    )
  }

  /** @throws SluiceError SLUICE_ERR_MANIFEST_DIRECTORY the first time: nobody may take nothing for all there is */
  async list(): Promise<readonly string[]> {
    const origin = this.#directory
    try {
      const names = await this.#names()
      if (this.#state === 'failed') this.#events.next({ kind: 'mended', origin })
      this.#state = 'listed'
      return names
    } catch (cause) {
      const error = new SluiceError('SLUICE_ERR_MANIFEST_DIRECTORY', { path: origin }, cause)
      if (this.#state === 'new') throw error
      if (this.#state === 'listed') this.#events.next({ kind: 'problem', origin, error })
      this.#state = 'failed'
      this.#failures.next()
      return []
    }
  }
}
