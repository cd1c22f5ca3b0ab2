// SPDX-License-Identifier: Apache-2.0
// Who plays: two pods, a server in one of them, a ztunnel, the agent.

import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Agent } from '../world/agent.ts'
import type { Server } from '../world/place.ts'
import type { Pod } from '../world/pod.ts'
import type { World } from '../world/world.ts'
import { startZtunnel, type Ztunnel } from '../ztunnel/launch.ts'

export const NAMESPACE = 'demo'
export const PORT = 8080

export interface Stage {
  readonly world: World
  /** The pod that joins and leaves. */
  readonly web: Pod
  /** Its neighbour, which stays outside the mesh. */
  readonly store: Pod
  /** In the store, on PORT. */
  readonly server: Server
  readonly ztunnel: Ztunnel
  readonly agent: Agent
  /** web's rules and routes before it joined. */
  readonly routing: string
  /** Own addresses of every socket of web's applications that was connected. */
  readonly sockets: Set<string>
}

/** @throws when the agent does not get ready or ztunnel does not find it, with what they printed. */
export async function setStage(world: World): Promise<Stage> {
  await world.namespace(NAMESPACE)
  const web = await world.pod({ name: 'web', namespace: NAMESPACE })
  const store = await world.pod({ name: 'store', namespace: NAMESPACE })
  const server = await store.serve(PORT)
  const ztunnel = await startZtunnel(world)
  const agent = await world.agent({ config: { verifyInterval: '1s' } })
  const met = agent.until(({ ztunnels }) => ztunnels.length > 0)
  const gone = ztunnel.exited.then(({ code, signal }) => {
    throw new Error(`ztunnel ended (${code ?? signal}):\n${ztunnel.output}`)
  })
  gone.catch(() => {})
  await Promise.race([met, gone])
  const routing = await routingOf(web)
  return { world, web, store, server, ztunnel, agent, routing, sockets: new Set() }
}

/** Its rules and routes, without fe80::/10: that address comes by itself, when nobody else has claimed it. */
export async function routingOf(pod: Pod): Promise<string> {
  const asked = [['rule'], ['-6', 'rule'], ['route', 'show', 'table', 'all']]
  const told = await Promise.all(asked.map((words) => pod.ip(...words)))
  const lines = told.join('').split('\n')
  return lines.filter((line) => !line.includes('fe80:')).join('\n')
}

/** What is still there of a world that was cleaned up. Devices go a moment after their network namespace. */
export function leftovers(world: World): string[] {
  const { prefix, cgroup, runDirectory } = world
  const { bpffs, pinDirectory } = world.agentConfig()
  const paths = [cgroup, runDirectory, join(String(bpffs), String(pinDirectory))]
  const names = ['/var/run/netns', '/sys/class/net'].flatMap((directory) =>
    existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : []
  )
  const own = names.filter((path) => basename(path).startsWith(prefix))
  return [...paths.filter((path) => existsSync(path)), ...own]
}
