// SPDX-License-Identifier: Apache-2.0
// Why an agent in a pod is told to end: another version follows it, or nobody does.

import { setTimeout as sleep } from 'node:timers/promises'
import type { V1DaemonSet } from '@kubernetes/client-node'
import type { Logger } from 'pino'
import { defer, firstValueFrom, map, retry, Subscription, timeout, timer } from 'rxjs'
import type { KubernetesApi } from './api.ts'
import { delayMs } from './backoff.ts'
import { type ApiFailure, unanswered } from './failure.ts'

export interface DaemonSetName {
  readonly namespace: string
  readonly name: string
}

/** `unclear`: the API server cannot be asked, or answers something else. */
export type Future = 'succeeded' | 'uninstalled' | 'unclear'

export type Answer = { readonly daemonSet: unknown } | { readonly failure: ApiFailure }

export function futureOf(answer: Answer, name: string): Future {
  if ('failure' in answer) {
    const { status, reason, about } = answer.failure
    return status === 404 && reason === 'NotFound' && about === name ? 'uninstalled' : 'unclear'
  }
  const { kind, metadata } = (answer.daemonSet ?? {}) as V1DaemonSet
  if (kind !== 'DaemonSet' || metadata?.name !== name) return 'unclear'
  return metadata.deletionTimestamp === undefined ? 'succeeded' : 'uninstalled'
}

const NO_DAEMON_SET = 'answer is no DaemonSet'
const TRIES = 3
const PAUSE_MS = 1_000
/** All tries together must leave time to end in order before the kubelet's patience is over. */
const ANSWER_WITHIN_MS = 3_000
const LONGEST_PAUSE_MS = 60_000

export interface OwnDaemonSetOptions {
  readonly api: Pick<KubernetesApi, 'answer'>
  readonly name: DaemonSetName
  readonly log: Pick<Logger, 'info' | 'warn'>
  readonly pauseMs?: number
  readonly answerWithinMs?: number
  readonly random?: () => number
}

export class OwnDaemonSet {
  readonly #options: OwnDaemonSetOptions
  readonly #meeting = new Subscription()
  #met = false

  constructor(options: OwnDaemonSetOptions) {
    this.#options = options
  }

  /**
   * Asks until the server says whether it is there: what was never there cannot be missed later. A refusal may pass,
   * as when the agent starts before its role is known everywhere.
   */
  meet(): void {
    const { random = Math.random, pauseMs = PAUSE_MS, log, name } = this.#options
    const backoff = { firstMs: pauseMs, lastMs: LONGEST_PAUSE_MS, random }
    const future$ = defer(() => this.#ask()).pipe(
      map((answer) => {
        const future = futureOf(answer, name.name)
        if (future === 'unclear') throw 'failure' in answer ? answer.failure : new Error(NO_DAEMON_SET)
        return future
      }),
      retry({ delay: (failure, count) => timer(delayMs(backoff, count - 1, failure)) })
    )
    const subscription = future$.subscribe((future) => {
      this.#met = future === 'succeeded'
      if (!this.#met) log.info({ daemonSet: name }, 'agent is in no such DaemonSet: what it makes stays')
    })
    this.#meeting.add(subscription)
  }

  /**
   * Whether nobody follows: only then is what the agent has made taken back. Pods that leave the mesh because the
   * API server was away would be worse than pins that outlive their agent, so every doubt means no.
   */
  async isUninstalled(): Promise<boolean> {
    this.close()
    if (!this.#met) return false
    const { name, log, pauseMs = PAUSE_MS } = this.#options
    for (let tried = 1; ; tried++) {
      const answer = await this.#ask()
      const future = futureOf(answer, name.name)
      log.info({ daemonSet: name, future }, 'agent was told to end')
      if (future !== 'unclear') return future === 'uninstalled'
      if (tried === TRIES) {
        const err = 'failure' in answer ? answer.failure.message : NO_DAEMON_SET
        log.warn({ daemonSet: name, err }, 'nobody says whether another agent follows: pods stay steered')
        return false
      }
      await sleep(pauseMs)
    }
  }

  close(): void {
    this.#meeting.unsubscribe()
  }

  async #ask(): Promise<Answer> {
    const { api, name, answerWithinMs = ANSWER_WITHIN_MS } = this.#options
    const path = `/apis/apps/v1/namespaces/${name.namespace}/daemonsets/${name.name}`
    try {
      return { daemonSet: await firstValueFrom(api.answer({ path }).pipe(timeout(answerWithinMs))) }
    } catch (error) {
      return { failure: unanswered(error) }
    }
  }
}
