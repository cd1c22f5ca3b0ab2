// SPDX-License-Identifier: Apache-2.0
// The node: pods that stay, pods that join and leave, a pod outside, those still to come; the agent, ztunnel, a
// machine elsewhere.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { layout } from '#contract'
import type { Agent, PodReport } from '../world/agent.ts'
import { mountPoint } from '../world/mounts.ts'
import type { Place } from '../world/place.ts'
import type { Pod } from '../world/pod.ts'
import type { World } from '../world/world.ts'
import { startZtunnel, type Ztunnel } from '../ztunnel/launch.ts'
import type { Kill } from './ledger.ts'
import { Presences } from './presence.ts'
import { Standings } from './standing.ts'
import type { Call, Target } from './traffic.ts'
import { Witness } from './witness.ts'

export const JOIN = 'sluice.mesh/ambient'
export const PORT = 8080
export const STEADY = ['steady-1', 'steady-2']
export const FICKLE = ['fickle-1', 'fickle-2']
export const PLAIN = 'plain'

const LOOK_MS = 20
/** More than anything here takes on a busy machine. */
const LONG_MS = 60_000

export class Stage {
  readonly world: World
  readonly agent: Agent
  readonly peer: Place & Target
  readonly witness: Witness
  readonly presences: Presences
  readonly standings = new Standings()
  readonly ztunnelKills: Kill[] = []
  readonly agentKills: Kill[] = []
  #ztunnel: Ztunnel

  private constructor(parts: Pick<Stage, 'world' | 'agent' | 'peer' | 'witness'>, ztunnel: Ztunnel) {
    this.world = parts.world
    this.agent = parts.agent
    this.peer = parts.peer
    this.witness = parts.witness
    this.#ztunnel = ztunnel
    this.presences = new Presences(join(this.pins, `v${layout.LAYOUT_VERSION}`, 'maps'))
  }

  /** @param newcomers are made known to ztunnel, which reads the list of pods once; nothing of them begins */
  static async set(world: World, newcomers: readonly string[]): Promise<Stage> {
    await world.namespace('default')
    const peer = await world.outsider('peer')
    const annotations = { [JOIN]: 'true' }
    const members: Pod[] = []
    for (const name of [...STEADY, ...FICKLE]) members.push(await world.pod({ name, annotations }))
    const plain = await world.pod(PLAIN)
    for (const name of newcomers) await world.pod({ name, annotations, start: false })
    for (const pod of [...members, plain]) await pod.serve(PORT, '--quiet')
    const witness = await Witness.open(peer, PORT)
    // Whoever starts it again decides whether to wait.
    const agent = await world.agent({
      ready: false,
      // The machine may have a kubelet of its own, which comes and goes.
      config: { log: { level: 'info' }, kubelet: { cgroup: `/${world.prefix}/kubelet.service` } }
    })
    await agent.untilReady(LONG_MS)
    const stage = new Stage({ world, agent, peer, witness }, await startZtunnel(world))
    stage.standings.set(PLAIN, 'outside')
    for (const pod of members) await stage.enrolled(pod)
    return stage
  }

  get pins(): string {
    return join(mountPoint('bpf'), this.world.prefix)
  }

  get ztunnel(): Ztunnel {
    return this.#ztunnel
  }

  pod(name: string): Pod {
    const pod = this.world.pods.find((each) => each.name === name)
    if (pod === undefined) throw new Error(`${name}: no such pod`)
    return pod
  }

  /** Waits until every connection of the pod is ztunnel's. */
  async enrolled(pod: Pod): Promise<void> {
    this.presences.follow(pod.name, await pod.cookie())
    await this.until(pod, ({ state }) => state === 'enrolled' || state === 'verified')
    this.standings.set(pod.name, 'member')
  }

  /** Waits for a word of whatever agent there is by then. @throws after a minute */
  async until(pod: Pod, satisfied: (report: PodReport) => boolean): Promise<void> {
    const end = Date.now() + LONG_MS
    for (;;) {
      const report = await this.agent.report()
      const told = report?.pods.find(({ uid }) => uid === pod.uid)
      if (told !== undefined && satisfied(told)) return
      if (Date.now() > end) throw new Error(`pod ${pod.name}: ${JSON.stringify(told)}\n${this.story()}`)
      await sleep(LOOK_MS)
    }
  }

  /** Waits until ztunnel listens in every pod that is a member. @throws after a minute */
  async served(): Promise<void> {
    const end = Date.now() + LONG_MS
    const members = () => this.world.pods.filter(({ name }) => this.standings.now(name) === 'member')
    while (members().some(({ name }) => !this.presences.serves(name))) {
      if (Date.now() > end) throw new Error(`ztunnel does not listen everywhere\n${this.story()}`)
      await sleep(LOOK_MS)
    }
  }

  killZtunnel(): Promise<void> {
    return kill(this.#ztunnel, this.ztunnelKills)
  }

  async startZtunnel(): Promise<void> {
    this.#ztunnel = await startZtunnel(this.world)
  }

  killAgent(): Promise<void> {
    return kill(this.agent, this.agentKills)
  }

  /** What happened to agent and ztunnel within a second around, and all that happened to the pod, in ms from there. */
  around({ pod, at }: Pick<Call, 'pod' | 'at'>): string {
    const told = (who: string, kills: readonly Kill[]) =>
      kills
        .filter(({ from, to }) => from < at + 1000 && to > at - 1000)
        .map(({ from, to }) => `${who} killed at ${from - at}, dead at ${to - at}`)
    const kills = [...told('agent', this.agentKills), ...told('ztunnel', this.ztunnelKills)]
    return [...kills, `${pod}: ${this.standings.story(pod, at)}`].join('; ')
  }

  story(): string {
    // Who is refused is told once a connection, and is the ledger's business.
    const telling = (text: string) => text.split('\n').filter((line) => !line.includes('"msg":"refused"'))
    const last = (text: string) => telling(text).slice(-20).join('\n')
    return `agent:\n${last(this.agent.output)}\nztunnel:\n${last(this.#ztunnel.output)}`
  }

  async strike(): Promise<void> {
    this.presences.close()
    await this.witness.end()
    await this.world.cleanup()
  }
}

async function kill(victim: Pick<Agent, 'kill9'>, kills: Kill[]): Promise<void> {
  const begun: Kill = { from: Date.now(), to: Number.POSITIVE_INFINITY }
  kills.push(begun)
  await victim.kill9()
  begun.to = Date.now()
}
