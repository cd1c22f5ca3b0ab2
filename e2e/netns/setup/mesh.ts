// SPDX-License-Identifier: Apache-2.0
// What most test files start from: a node with an agent, a ztunnel, and pods inside and outside the mesh.

import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import type { Agent, AgentOptions, Report } from '../../world/agent.ts'
import { applications, type Place } from '../../world/place.ts'
import type { Pod, PodOptions } from '../../world/pod.ts'
import type { Running } from '../../world/running.ts'
import { createWorld, type World } from '../../world/world.ts'
import { startZtunnel, type Ztunnel, type ZtunnelOptions } from '../../ztunnel/launch.ts'

export const JOIN = 'sluice.mesh/ambient'

/** For `it.each` and `describe.each`. */
export const FAMILIES = ['ipv4', 'ipv6'] as const
export type Family = (typeof FAMILIES)[number]

export type Outsider = Place & { readonly ipv4: string; readonly ipv6: string }

export interface MeshPlan {
  /** Pods that are enrolled when the first test starts. A real ztunnel knows only the pods of the plan. */
  readonly enrolled?: readonly (PodOptions | string)[]
  /** Pods that the agent lists as outside the mesh. */
  readonly plain?: readonly (PodOptions | string)[]
  /** Machines that are no pods. */
  readonly outsiders?: readonly string[]
  readonly agent?: AgentOptions | ((world: World) => AgentOptions)
  /** False: the test starts it. */
  readonly ztunnel?: ZtunnelOptions | false
  /** The world is there, the pods are not. */
  readonly prepare?: (world: World) => Promise<void>
}

/** Filled before the first test of the file (or of the describe that made it); removed after the last. */
export class Mesh {
  #world: World | undefined
  #agent: Agent | undefined
  #ztunnel: Ztunnel | undefined
  readonly #outsiders = new Map<string, Outsider>()

  get world(): World {
    return started(this.#world, 'world')
  }

  get agent(): Agent {
    return started(this.#agent, 'agent')
  }

  get ztunnel(): Ztunnel {
    return started(this.#ztunnel, 'ztunnel')
  }

  pod(name: string): Pod {
    return started(
      this.world.pods.find((pod) => pod.name === name),
      `pod ${name}`
    )
  }

  outsider(name: string): Outsider {
    return started(this.#outsiders.get(name), `outsider ${name}`)
  }

  async open(plan: MeshPlan): Promise<void> {
    const world = await createWorld()
    this.#world = world
    await world.namespace('default')
    await plan.prepare?.(world)
    for (const name of plan.outsiders ?? []) this.#outsiders.set(name, await world.outsider(name))
    const enrolled: Pod[] = []
    for (const about of plan.enrolled ?? []) {
      const described = typeof about === 'string' ? { name: about } : about
      enrolled.push(
        await world.pod({ ...described, annotations: { ...described.annotations, [JOIN]: 'true' } })
      )
    }
    for (const about of plan.plain ?? []) await world.pod(about)
    this.#agent = await world.agent(typeof plan.agent === 'function' ? plan.agent(world) : plan.agent)
    if (plan.ztunnel === false) return
    await this.startZtunnel(plan.ztunnel)
    for (const pod of enrolled) await this.agent.untilPod(pod, 'enrolled')
  }

  /** The first, or another after the last one ended. */
  async startZtunnel(options: ZtunnelOptions = {}): Promise<Ztunnel> {
    this.#ztunnel = await startZtunnel(this.world, options)
    return this.#ztunnel
  }

  /** The pod joins and is enrolled, or leaves and is outside. */
  async join(pod: Pod): Promise<void> {
    await pod.annotate(JOIN, 'true')
    await this.agent.untilPod(pod, 'enrolled')
  }

  async leave(pod: Pod): Promise<void> {
    await pod.annotate(JOIN, 'false')
    await this.agent.untilPod(pod, 'outside')
  }

  /** How much each counter rose while `act` ran; those that did not are left out. */
  async counted(act: () => Promise<unknown>): Promise<Record<string, number>> {
    const before = await this.report()
    await act()
    const after = await this.report()
    const rises = Object.entries(after.counters).map(
      ([name, value]) => [name, value - (before.counters[name] ?? 0)] as const
    )
    return Object.fromEntries(rises.filter(([, rise]) => rise !== 0))
  }

  report(): Promise<Report> {
    return this.agent.until(() => true)
  }

  /** For the message of a failed test. */
  story(): string {
    const agent = this.#agent?.output.split('\n').slice(-40).join('\n')
    const ztunnel = this.#ztunnel?.output.split('\n').slice(-15).join('\n')
    return `agent:\n${agent}\nztunnel:\n${ztunnel}`
  }

  /** After a failed test: what it left running is in the way of its second try. */
  async tidy(before: ReadonlySet<Running>): Promise<void> {
    await Promise.all([...applications.difference(before)].map((left) => left.stop('SIGKILL')))
    this.#agent?.resume()
    this.#ztunnel?.resume()
  }

  async close(): Promise<void> {
    await this.#world?.cleanup()
  }
}

function started<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`${what}: not in this mesh, or not yet`)
  return value
}

/** Call at the top of a file or in a describe: it registers the hooks itself. */
export function mesh(plan: MeshPlan = {}): Mesh {
  const made = new Mesh()
  beforeAll(() => made.open(plan).catch(complain(made)))
  let before: ReadonlySet<Running> = new Set()
  beforeEach(() => {
    before = new Set(applications)
  })
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return
    console.error(made.story())
    await made.tidy(before)
  })
  afterAll(() => made.close())
  return made
}

function complain(made: Mesh): (error: unknown) => never {
  return (error) => {
    console.error(made.story())
    throw error
  }
}
