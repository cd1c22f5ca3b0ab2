// SPDX-License-Identifier: Apache-2.0
// The same two pods three times: with nothing between them, with Istio's rules, with Sluice. Each has the same proxy in
// a process of its own, or none; what Sluice attaches is below the cgroups of its own world alone.

import { join } from 'node:path'
import type { Agent } from '../world/agent.ts'
import type { Place } from '../world/place.ts'
import { createWorld, type World } from '../world/world.ts'
import { STAND_IN, startZtunnel } from '../ztunnel/launch.ts'
import { serveByDriver } from './driven.ts'
import { writeIstioRules } from './istio-rules.ts'
import { JOINED } from './stage.ts'

const LOAD = join(import.meta.dirname, '../../build/e2e/load')
export const PORT = 8080

type Addressed = Place & { readonly ipv4: string }

export interface Way {
  readonly key: 'direct' | 'iptables' | 'sluice'
  readonly name: string
  readonly world: World
  readonly client: Addressed
  readonly server: Addressed
}

export class Rivals implements AsyncDisposable {
  readonly ways: readonly Way[]
  readonly agent: Agent
  readonly real = process.env.ZTUNNEL_BIN !== undefined

  private constructor(ways: readonly Way[], agent: Agent) {
    this.ways = ways
    this.agent = agent
  }

  static async gather(): Promise<Rivals> {
    const without = await createWorld()
    const meshed = await createWorld()
    try {
      const plain = [await without.outsider('plain-client'), await without.outsider('plain-server')] as const
      const captured = await pods(without)
      for (const pod of captured) await writeIstioRules(pod)
      await serveByDriver(without, without.zdsSocket, captured, () => quietZtunnel(without, captured))
      await meshed.namespace('default')
      const steered = await pods(meshed)
      await quietZtunnel(meshed, steered)
      const agent = await meshed.agent({ config: { log: { level: 'info' } } })
      for (const pod of steered) await agent.untilPod(pod, 'enrolled')
      const ways: readonly Way[] = [
        { key: 'direct', name: 'direct', world: without, client: plain[0], server: plain[1] },
        { key: 'iptables', name: "Istio's rules", world: without, client: captured[0], server: captured[1] },
        { key: 'sluice', name: 'Sluice', world: meshed, client: steered[0], server: steered[1] }
      ]
      for (const { client, server } of ways) {
        for (const place of [client, server]) {
          await place.sysctl('net.ipv4.tcp_tw_reuse', 1)
          await place.sysctl('net.ipv4.ip_local_port_range', '20000 65000')
        }
        await server.spawn([LOAD, 'serve', PORT]).waitForEvent('listening')
      }
      return new Rivals(ways, agent)
    } catch (error) {
      await meshed.cleanup()
      await without.cleanup()
      throw error
    }
  }

  way(key: Way['key']): Way {
    const found = this.ways.find((way) => way.key === key)
    if (found === undefined) throw new RangeError(key)
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { world } = this.way('sluice')
    await this.agent.stop()
    await this.agent.cli('cleanup')
    await world.cleanup()
    await this.way('direct').world.cleanup()
  }
}

async function pods(world: World) {
  const client = await world.pod({ name: 'client', annotations: JOINED })
  return [client, await world.pod({ name: 'server', annotations: JOINED })] as const
}

/** One that says nothing of its connections: nobody reads it, and writing would be part of every figure. */
async function quietZtunnel(world: World, hbone: Awaited<ReturnType<typeof pods>>): Promise<void> {
  if (process.env.ZTUNNEL_BIN !== undefined) {
    await startZtunnel(world, { hbone, env: { RUST_LOG: 'error' } })
    return
  }
  const place = await world.component('ztunnel')
  place.spawn(['sh', '-c', 'exec "$0" >/dev/null', STAND_IN], { env: { INPOD_UDS: world.zdsSocket } })
}

/** Runs `load` from the way's client to its server. @throws when any of it fails */
export async function load({ client, server }: Way, command: string, ms: number, ...rest: readonly number[]) {
  const { code, lines, stderr } = await client.exec([LOAD, command, server.ipv4, PORT, ms, ...rest])
  const [line] = lines
  if (code !== 0 || line === undefined) throw new Error(`load ${command} in ${client.netns}: ${stderr}`)
  return (figure: string) => Number(line[figure])
}
