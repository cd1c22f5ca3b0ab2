// SPDX-License-Identifier: Apache-2.0
// What every measurement stands on: a world with an agent and a ztunnel.

import { existsSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, AgentOptions } from '../world/agent.ts'
import { createWorld, type World } from '../world/world.ts'
import { startZtunnel, type Ztunnel } from '../ztunnel/launch.ts'
import { Pinned } from './pinned.ts'

/** The annotation by which a pod says whether it is in the mesh. */
export const JOIN = 'sluice.mesh/ambient'

export const JOINED = { [JOIN]: 'true' }

/** Beyond what any measurement fills in. */
const MAX_PODS = 16_384

export class Stage {
  readonly world: World
  #agent: Agent | undefined
  #ztunnel: Ztunnel | undefined
  #pinned: Pinned | undefined

  constructor(world: World) {
    this.world = world
  }

  get agent(): Agent {
    return there(this.#agent)
  }

  get pinned(): Pinned {
    return there(this.#pinned)
  }

  /** An agent that finds nothing prepared, and a ztunnel that dials it as soon as there is something to dial. */
  async start(options: AgentOptions = {}): Promise<void> {
    const { world } = this
    const config = { maxPods: MAX_PODS, log: { level: 'info' }, ...options.config }
    this.#agent = await world.agent({ ...options, config, ready: false })
    await awaited(() => existsSync(world.zdsSocket) || undefined, 'ZDS socket')
    this.#ztunnel = await startZtunnel(world)
    this.#pinned = await awaited(() => Pinned.open(world.prefix), 'maps pinned')
  }

  /** Ready, and ztunnel is connected. */
  async ready(): Promise<void> {
    await this.agent.until(({ agent, ztunnels }) => agent.ready === true && ztunnels.length > 0)
  }

  /** Nothing of the agent is left: no program, map, rule or route. */
  async clear(): Promise<void> {
    this.#pinned?.close()
    this.#pinned = undefined
    await this.#ztunnel?.stop()
    await this.#agent?.stop()
    await this.#agent?.cli('cleanup')
    rmSync(this.world.zdsSocket, { force: true })
  }
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the stage is empty')
  return value
}

/** Gives the stage to `act`, and takes it down afterwards. */
export async function onStage(act: (stage: Stage) => Promise<void>): Promise<void> {
  await using world = await createWorld()
  await world.namespace('default')
  const stage = new Stage(world)
  try {
    await stage.start()
    await stage.ready()
    await act(stage)
  } finally {
    await stage.clear()
  }
}

/** Looks every `intervalMs` until there is a value. @throws after `timeoutMs` */
export async function awaited<T>(
  look: () => T | undefined,
  what: string,
  intervalMs = 2,
  timeoutMs = 30_000
): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const value = look()
    if (value !== undefined) return value
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await sleep(intervalMs)
  }
}
