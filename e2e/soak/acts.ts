// SPDX-License-Identifier: Apache-2.0
// Performs what the schedule says. Agent, ztunnel and each pod have a turn of their own: what comes to one of them
// before the last is over waits for it.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Happening } from './schedule.ts'
import { JOIN, PORT, type Stage } from './stage.ts'
import type { Traffic } from './traffic.ts'

/** ms between two connections of a stream. */
export const PAUSE = 75

/** On a machine that is too slow for the schedule kills are left out, so that each is of something that lives. */
const TOO_LATE_MS = 2_000

export class Acts {
  readonly #stage: Stage
  readonly #traffic: Traffic
  readonly #turns = new Map<string, Promise<void>>()
  readonly #done = new Map<Happening['what'], number>()
  readonly #onAgentAlone: () => Promise<void>

  /** @param onAgentAlone no agent is killed from then on */
  constructor(stage: Stage, traffic: Traffic, onAgentAlone: () => Promise<void>) {
    this.#stage = stage
    this.#traffic = traffic
    this.#onAgentAlone = onAgentAlone
  }

  /** How often each thing happened. */
  get done(): ReadonlyMap<Happening['what'], number> {
    return this.#done
  }

  /** Everything in its time; resolves when the last is over. @throws as soon as one of them fails */
  play(happenings: readonly Happening[], lengthMs: number): Promise<void> {
    const failure = Promise.withResolvers<never>()
    return Promise.race([failure.promise, this.#play(happenings, lengthMs, failure.reject)])
  }

  async #play(
    happenings: readonly Happening[],
    lengthMs: number,
    fail: (error: unknown) => void
  ): Promise<void> {
    const began = Date.now()
    for (const happening of happenings) {
      await sleep(Math.max(0, began + happening.at - Date.now()))
      const whose = subjectOf(happening)
      const turn = (this.#turns.get(whose) ?? Promise.resolve()).then(() => {
        const late = Date.now() - began - happening.at
        return happening.what.startsWith('kill') && late > TOO_LATE_MS ? undefined : this.#perform(happening)
      })
      turn.catch(fail)
      this.#turns.set(whose, turn)
    }
    await Promise.all(this.#turns.values())
    await sleep(Math.max(0, began + lengthMs - Date.now()))
  }

  async #perform(happening: Happening): Promise<void> {
    this.#done.set(happening.what, (this.#done.get(happening.what) ?? 0) + 1)
    switch (happening.what) {
      case 'kill agent':
        return this.#killAgent(happening.after)
      case 'leave agent alone':
        return this.#onAgentAlone()
      case 'kill ztunnel':
        await this.#stage.killZtunnel()
        await sleep(happening.after)
        await this.#stage.startZtunnel()
        return this.#stage.served()
      case 'join':
        return this.join(happening.pod)
      case 'leave':
        return this.#leave(happening.pod)
      case 'begin':
        return this.#begin(happening.pod)
      case 'end':
        return this.end(happening.pod)
    }
  }

  async #killAgent(after: readonly number[]): Promise<void> {
    const { agent } = this.#stage
    for (const pause of after) {
      await this.#stage.killAgent()
      await sleep(pause)
      await agent.restart()
    }
    await agent.untilReady(60_000)
    // Agents that end before ztunnel finds them, one after the other, would be a node without one.
    await this.#stage.served()
  }

  async join(name: string): Promise<void> {
    const { standings } = this.#stage
    const pod = this.#stage.pod(name)
    standings.set(name, 'changing')
    await pod.annotate(JOIN, 'true')
    await this.#stage.enrolled(pod)
  }

  async #leave(name: string): Promise<void> {
    const { standings } = this.#stage
    const pod = this.#stage.pod(name)
    standings.set(name, 'changing')
    await pod.annotate(JOIN, 'false')
    await this.#stage.until(pod, ({ state }) => state === 'outside')
    standings.set(name, 'outside')
  }

  /** It dials from its first moment on, as an application does that has no patience. */
  async #begin(name: string): Promise<void> {
    const { standings, peer } = this.#stage
    const pod = this.#stage.pod(name)
    standings.set(name, 'held')
    await pod.start()
    this.#traffic.begin({ pod: name, direction: 'outbound', from: pod, to: peer, port: PORT, pause: PAUSE })
    await pod.serve(PORT, '--quiet')
    await this.#stage.enrolled(pod)
    this.#traffic.begin({ pod: name, direction: 'inbound', from: peer, to: pod, port: PORT, pause: PAUSE })
  }

  async end(name: string): Promise<void> {
    await this.#traffic.end(name)
    this.#stage.standings.set(name, 'gone')
    this.#stage.presences.forget(name)
    await this.#stage.pod(name).remove()
  }
}

function subjectOf(happening: Happening): string {
  if ('pod' in happening) return happening.pod
  return happening.what === 'kill ztunnel' ? 'ztunnel' : 'agent'
}
