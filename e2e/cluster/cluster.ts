// SPDX-License-Identifier: Apache-2.0
// A cluster of one node on this machine: made for a test run and removed with it, or left up until somebody says so.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { uniquePrefix } from '../world/name.ts'
import { kubeconfigPath } from './node/kubeconfig.ts'
import { removeCluster } from './node/removal.ts'
import { planCluster, startCluster } from './node/start.ts'
import type { ClusterState } from './node/state.ts'

export interface Cluster {
  readonly state: ClusterState
  readonly kubeconfig: string
}

export function clusterOf(state: ClusterState): Cluster {
  return { state, kubeconfig: kubeconfigPath(state, 'admin') }
}

/** Makes a cluster that stays. @throws with what is missing or did not start, having removed what it had made. */
export async function bringUp(prefix = uniquePrefix()): Promise<Cluster> {
  const plan = await planCluster(prefix)
  try {
    return clusterOf(await startCluster(plan))
  } catch (error) {
    await removeCluster(plan)
    throw error
  }
}

/** Makes a cluster that is removed by `release`, and also when this process dies. */
export async function bringUpGuarded(): Promise<Cluster & { readonly release: () => Promise<void> }> {
  const plan = await planCluster(uniquePrefix())
  const guard = spawn(process.execPath, [join(import.meta.dirname, 'node/guard.ts'), plan.directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit']
  })
  const release = async () => {
    guard.ref()
    guard.stdin.end()
    const [code] = (await once(guard, 'close')) as [number | null]
    if (code !== 0) throw new Error(`removing the cluster ${plan.prefix}: exit ${code}`)
  }
  guard.unref()
  try {
    return { ...clusterOf(await startCluster(plan)), release }
  } catch (error) {
    await release()
    throw error
  }
}
