// SPDX-License-Identifier: Apache-2.0
// Events, so many as somebody can read: what a pod's last one said is not said again, and a pod that goes in and out
// all the time has its share and no more. Losing one fails nothing.

import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { firstValueFrom } from 'rxjs'
import type { KubernetesApi } from '../kubernetes/api.ts'
import { unanswered } from '../kubernetes/failure.ts'
import { type Pod, type PodUid, podRef } from '../pods/pod.ts'
import { type EventKind, podEvent } from './event.ts'
import type { Pace } from './pace.ts'

export interface RecorderOptions {
  readonly api: Pick<KubernetesApi, 'answer'>
  readonly nodeName: string
  readonly pace: Pick<Pace, 'run' | 'waiting'>
  /** Unix milliseconds. */
  readonly now: () => number
  readonly log: Pick<Logger, 'debug'>
}

interface Share {
  last: string
  left: number
  at: number
}

const SHARE = 10
const REFILL_MS = 60_000
const LONGEST_QUEUE = 500

export class EventRecorder {
  readonly #options: RecorderOptions
  readonly #shares = new Map<PodUid, Share>()

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  tell(pod: Pod, kind: EventKind, note: string): void {
    const { pace, log, now } = this.#options
    if (!this.#isDue(pod.uid, `${kind.reason} ${note}`, now())) return
    if (pace.waiting >= LONGEST_QUEUE) {
      log.debug({ pod: podRef(pod), reason: kind.reason }, 'event is left out: too many wait')
      return
    }
    const when = new Date(now())
    pace.run(() => this.#create(pod, kind, note, when))
  }

  /** The pod is gone. */
  forget(uid: PodUid): void {
    this.#shares.delete(uid)
  }

  #isDue(uid: PodUid, text: string, at: number): boolean {
    const share = this.#shares.get(uid) ?? { last: '', left: SHARE, at }
    const left = Math.min(SHARE, share.left + (at - share.at) / REFILL_MS)
    if (share.last === text || left < 1) return false
    this.#shares.set(uid, { last: text, left: left - 1, at })
    return true
  }

  async #create(pod: Pod, kind: EventKind, note: string, now: Date): Promise<void> {
    const { api, nodeName, log } = this.#options
    const id = randomBytes(8).toString('hex')
    try {
      await firstValueFrom(
        api.answer({
          method: 'POST',
          path: `/api/v1/namespaces/${pod.namespace}/events`,
          body: { type: 'application/json', value: podEvent(pod, kind, note, { id, nodeName, now }) }
        })
      )
    } catch (error) {
      log.debug(
        { pod: podRef(pod), reason: kind.reason, err: unanswered(error).message },
        'event was not told'
      )
    }
  }
}
