// SPDX-License-Identifier: Apache-2.0
import { must } from '../../world/running.ts'
import { podProcesses } from './processes.ts'
import type { ClusterState } from './state.ts'

/** Ends a pod's connections to the API server, as a load balancer does. @returns how many there were */
export async function cutConnections(state: ClusterState, uid: string): Promise<number> {
  const [pid] = await podProcesses(state, uid)
  if (pid === undefined) throw new Error(`pod ${uid} has no process`)
  const kill = ['ss', '--kill', '--no-header', '--tcp', 'state', 'established', 'dst', state.network.api]
  const { stdout } = await must(['nsenter', '--target', `${pid}`, '--net', '--', ...kill])
  return stdout.split('\n').filter(Boolean).length
}
