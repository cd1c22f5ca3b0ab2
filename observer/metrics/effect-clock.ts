// SPDX-License-Identifier: Apache-2.0

import type { Effect, Input } from '../pods/effect.ts'
import type { PodUid } from '../pods/pod.ts'

export const TIMED = ['locate', 'enrol', 'leave'] as const
export const OUTCOMES = ['done', 'failed'] as const

export interface Timing {
  readonly effect: (typeof TIMED)[number]
  readonly outcome: (typeof OUTCOMES)[number]
  readonly seconds: number
}

interface Running {
  readonly effect: Timing['effect']
  readonly epoch: number
  readonly at: number
}

/** Times what is done for a pod, from the effect to its answer; what a later effect calls off is not counted. */
export class EffectClock {
  readonly #running = new Map<PodUid, Running>()
  readonly #now: () => number
  /** Told of every answer. */
  onTiming: (timing: Timing) => void = () => undefined

  /** @param now milliseconds of a clock that does not go back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  began(uid: PodUid, effect: Effect): void {
    if (effect.do === 'forget') this.#running.delete(uid)
    const timed = TIMED.find((name) => name === effect.do)
    if (timed === undefined || !('epoch' in effect)) return
    this.#running.set(uid, { effect: timed, epoch: effect.epoch, at: this.#now() })
  }

  ended(uid: PodUid, input: Input): void {
    const running = this.#running.get(uid)
    if (running === undefined || !('epoch' in input) || input.epoch !== running.epoch) return
    const outcome = outcomeOf(input)
    if (outcome === undefined) return
    this.#running.delete(uid)
    this.onTiming({ effect: running.effect, outcome, seconds: (this.#now() - running.at) / 1000 })
  }
}

function outcomeOf(input: Input): Timing['outcome'] | undefined {
  switch (input.kind) {
    case 'located':
      return input.netns === undefined ? 'failed' : 'done'
    case 'enrolled':
    case 'left':
      return 'done'
    case 'enrol-failed':
    case 'leave-failed':
      return 'failed'
    default:
      return undefined
  }
}
