// SPDX-License-Identifier: Apache-2.0

import type { Logger } from 'pino'
import { filter, type Observable, tap } from 'rxjs'
import type { SluiceError } from '../errors/error.ts'
import type { SourceEvent } from '../sources/source.ts'

type Problem = Extract<SourceEvent, { kind: 'problem' | 'mended' }>
export type SourceFact = Exclude<SourceEvent, Problem>

/** What the operator must mend, until it is mended. */
export class Problems {
  readonly #log: Logger
  readonly #open = new Map<string, SluiceError>()

  constructor(log: Logger) {
    this.#log = log
  }

  get texts(): readonly string[] {
    return [...this.#open.values()].map(({ message }) => message)
  }

  /** Keeps the problems, and lets the facts through. */
  sift(events$: Observable<SourceEvent>): Observable<SourceFact> {
    return events$.pipe(
      tap((event) => this.#note(event)),
      filter((event): event is SourceFact => event.kind !== 'problem' && event.kind !== 'mended')
    )
  }

  open(origin: string, error: SluiceError): void {
    if (this.#open.get(origin)?.message === error.message) return
    this.#open.set(origin, error)
    this.#log.warn({ err: error, origin }, 'node has a problem')
  }

  /** Nothing, where there was none. */
  close(origin: string): void {
    if (this.#open.delete(origin)) this.#log.info({ origin }, 'problem is mended')
  }

  #note(event: SourceEvent): void {
    if (event.kind === 'problem') {
      this.#open.set(event.origin, event.error)
      this.#log.warn({ err: event.error, origin: event.origin }, 'source has a problem')
    }
    if (event.kind === 'mended' && this.#open.delete(event.origin)) {
      this.#log.info({ origin: event.origin }, 'source is mended')
    }
  }
}
