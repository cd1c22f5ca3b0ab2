// SPDX-License-Identifier: Apache-2.0
// What the API server is told of pods: the annotation that istiod reads, and Events that people read.

import type { Logger } from 'pino'
import type { KubernetesApi } from '../kubernetes/api.ts'
import type { Mode } from '../maps/mode.ts'
import type { Move } from '../pods/roster.ts'
import { EVENT_KINDS } from './event.ts'
import { Pace } from './pace.ts'
import { EventRecorder } from './recorder.ts'
import { RedirectionWriter } from './redirection-writer.ts'

export interface PublisherOptions {
  readonly api: Pick<KubernetesApi, 'answer'>
  readonly mode: Mode
  readonly nodeName: string
  readonly log: Pick<Logger, 'warn' | 'debug'>
}

// A namespace of a hundred pods that joins is one burst; the same again waits.
const ANNOTATIONS = { atOnce: 8, burst: 200, perSecond: 50 }
const EVENTS = { atOnce: 2, burst: 200, perSecond: 5 }

export class Publisher {
  readonly #annotations: RedirectionWriter
  readonly #events: EventRecorder
  readonly #paces: readonly Pace[]

  constructor({ api, mode, nodeName, log }: PublisherOptions) {
    const annotations = new Pace(ANNOTATIONS)
    const events = new Pace(EVENTS)
    this.#paces = [annotations, events]
    this.#annotations = new RedirectionWriter({ api, mode, log, pace: annotations, random: Math.random })
    this.#events = new EventRecorder({ api, nodeName, log, pace: events, now: Date.now })
  }

  heard({ state, effects }: Move): void {
    this.#annotations.heard(state)
    for (const effect of effects) {
      if (effect.do !== 'announce' || state.pod === undefined) continue
      const kind = EVENT_KINDS[effect.what]
      if (kind !== undefined) this.#events.tell(state.pod, kind, effect.message)
    }
    if (state.pod === undefined) this.#events.forget(state.uid)
  }

  /** Resolves when every pod's annotation says what it should. */
  settled(): Promise<void> {
    return this.#annotations.settled()
  }

  close(): void {
    this.#annotations.close()
    for (const pace of this.#paces) pace.close()
  }
}
