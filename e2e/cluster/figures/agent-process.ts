// SPDX-License-Identifier: Apache-2.0
// The agent's process on the node, and what it asks of the API server.

import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { short } from '../../bench/figures.ts'
import { cpuMs, residentMib } from '../../bench/processes.ts'
import { SLUICE_NAMESPACE } from '../mesh/sluice.ts'
import { auditLog } from '../node/control-plane.ts'
import { commandOf, podProcesses } from '../node/processes.ts'
import type { ClusterState } from '../node/state.ts'
import type { Scene } from '../scene.ts'

const REST_MS = 60_000

async function processOf({ sluice }: Scene, state: ClusterState): Promise<number> {
  const uid = (await (await sluice.agent()).object())?.metadata?.uid ?? ''
  const pid = (await podProcesses(state, uid)).find((each) => commandOf(each).includes('sluice'))
  if (pid === undefined) throw new Error('no process of the agent')
  return pid
}

/** Requests of the agent's account so far; a watch is one when it begins and one when it ends. */
async function requests(state: ClusterState): Promise<number> {
  const user = `system:serviceaccount:${SLUICE_NAMESPACE}:sluice"`
  return (await readFile(auditLog(state), 'utf8')).split(user).length - 1
}

/** Prints what the agent costs in a minute in which nothing happens. @returns its memory, MiB */
export async function printRest(scene: Scene, state: ClusterState, pods: number): Promise<number> {
  const pid = await processOf(scene, state)
  const [cpu, asked] = [cpuMs(pid), await requests(state)]
  await sleep(REST_MS)
  const busy = (cpuMs(pid) - cpu) / REST_MS
  const rss = residentMib(pid)
  const more = (await requests(state)) - asked
  process.stdout.write(
    `figure: agent at rest, ${pods} pods of the mesh: ${short(rss)} MiB, ${short(busy * 100)} % of a core, ` +
      `${more} requests in a minute\n`
  )
  return rss
}
