// SPDX-License-Identifier: Apache-2.0
// Brings pods' annotations to what is due: one request at a time for each pod, the newest wish wins, and each is
// written over the version that the decision was made on, so that a user's word is never overwritten unseen.

import type { Logger } from 'pino'
import { firstValueFrom } from 'rxjs'
import * as z from 'zod'
import type { ApiRequest, KubernetesApi } from '../kubernetes/api.ts'
import { delayMs } from '../kubernetes/backoff.ts'
import { type ApiFailure, unanswered } from '../kubernetes/failure.ts'
import type { Mode } from '../maps/mode.ts'
import { REDIRECTION_ANNOTATION } from '../membership/wish.ts'
import { type Pod, type PodUid, podRef } from '../pods/pod.ts'
import type { PodState } from '../pods/state.ts'
import { METADATA_ONLY } from '../sources/kubernetes/resource.ts'
import type { Pace } from './pace.ts'
import { correction, type Redirection, redirectionDue } from './redirection.ts'

export interface RedirectionWriterOptions {
  readonly api: Pick<KubernetesApi, 'answer'>
  readonly mode: Mode
  readonly pace: Pick<Pace, 'run'>
  readonly random: () => number
  readonly log: Pick<Logger, 'warn' | 'debug'>
}

interface Errand {
  /** As the source has told it last. */
  pod: Pod
  due: Redirection
  /** What became of the version that was written over; the source has not told of it yet. */
  written?: { readonly over: string; readonly version: string; readonly said: string | undefined }
  state: 'idle' | 'queued' | 'asked'
  failures: number
  retry?: NodeJS.Timeout
}

const WAIT = { firstMs: 200, lastMs: 60_000 }
const GONE = [404, 410]
const CONFLICT = 409
const answerSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) })

export class RedirectionWriter {
  readonly #options: RedirectionWriterOptions
  readonly #errands = new Map<PodUid, Errand>()
  #onIdle: () => void = () => undefined

  constructor(options: RedirectionWriterOptions) {
    this.#options = options
  }

  /** After each step of a pod. */
  heard(state: PodState): void {
    const { uid, pod, listed } = state
    const due = redirectionDue(state, this.#options.mode)
    if (pod === undefined || !listed) this.#drop(uid)
    else this.#want(uid, pod, due ?? this.#errands.get(uid)?.due)
  }

  /** Resolves when every pod says what is due; see `close` for giving up. */
  async settled(): Promise<void> {
    if (this.#busy) await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }

  close(): void {
    for (const uid of this.#errands.keys()) this.#drop(uid)
  }

  get #busy(): boolean {
    return [...this.#errands.values()].some((errand) => valueDue(errand) !== undefined)
  }

  #want(uid: PodUid, pod: Pod, due: Redirection | undefined): void {
    if (due === undefined) return
    const errand = this.#errands.get(uid) ?? { pod, due, state: 'idle', failures: 0 }
    const isNews = errand.due !== due || errand.pod.resourceVersion !== pod.resourceVersion
    if (errand.written?.over !== pod.resourceVersion) delete errand.written
    errand.pod = pod
    errand.due = due
    this.#errands.set(uid, errand)
    if (isNews) this.#wake(errand)
    this.#settle(uid, errand)
  }

  /** What waits for another try has a reason to try at once. */
  #wake(errand: Errand): void {
    clearTimeout(errand.retry)
    delete errand.retry
  }

  #settle(uid: PodUid, errand: Errand): void {
    if (errand.state !== 'idle' || errand.retry !== undefined) return
    if (valueDue(errand) === undefined) {
      if (errand.written === undefined) this.#drop(uid)
      if (!this.#busy) this.#onIdle()
      return
    }
    errand.state = 'queued'
    this.#options.pace.run(() => this.#write(uid, errand))
  }

  async #write(uid: PodUid, errand: Errand): Promise<void> {
    const value = this.#errands.get(uid) === errand ? valueDue(errand) : undefined
    errand.state = value === undefined ? 'idle' : 'asked'
    const { pod } = errand
    try {
      if (value !== undefined) {
        const over = pod.resourceVersion ?? ''
        const answer = await firstValueFrom(this.#options.api.answer(patch(errand, value)))
        const version = answerSchema.parse(answer).metadata.resourceVersion
        errand.failures = 0
        if (errand.pod.resourceVersion === over) errand.written = { over, version, said: value ?? undefined }
      }
    } catch (error) {
      this.#failed(uid, errand, pod, unanswered(error))
    }
    errand.state = 'idle'
    if (this.#errands.get(uid) === errand) this.#settle(uid, errand)
  }

  #failed(uid: PodUid, errand: Errand, asked: Pod, failure: ApiFailure): void {
    const { log, random } = this.#options
    if (GONE.includes(failure.status)) {
      this.#drop(uid)
      return
    }
    const conflict = failure.status === CONFLICT
    if (conflict && errand.pod !== asked) return
    const level = conflict || errand.failures > 0 ? 'debug' : 'warn'
    log[level]({ pod: podRef(asked), err: failure.message }, 'redirection could not be written to the pod')
    const wait = delayMs({ ...WAIT, random }, errand.failures++, failure)
    errand.retry = setTimeout(() => {
      delete errand.retry
      this.#settle(uid, errand)
    }, wait)
  }

  #drop(uid: PodUid): void {
    const errand = this.#errands.get(uid)
    if (errand === undefined) return
    this.#wake(errand)
    this.#errands.delete(uid)
    if (!this.#busy) this.#onIdle()
  }
}

function valueDue({ pod, due, written }: Errand): 'enabled' | null | undefined {
  return correction(written === undefined ? pod.annotations[REDIRECTION_ANNOTATION] : written.said, due)
}

/** Nothing but metadata: pods/status takes annotations, and needs no right to change a pod. */
function patch({ pod, written }: Errand, value: 'enabled' | null): ApiRequest {
  const resourceVersion = written?.version ?? pod.resourceVersion
  return {
    method: 'PATCH',
    path: `${pod.origin}/status`,
    query: { fieldManager: 'sluice' },
    accept: METADATA_ONLY.watch,
    body: {
      type: 'application/merge-patch+json',
      value: { metadata: { resourceVersion, annotations: { [REDIRECTION_ANNOTATION]: value } } }
    }
  }
}
