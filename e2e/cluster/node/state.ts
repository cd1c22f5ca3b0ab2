// SPDX-License-Identifier: Apache-2.0
// What is known of a cluster that this machine runs. Everything else follows from it, so that it can be used and
// removed by another process than the one that made it.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Network } from './network.ts'

export interface ClusterState {
  readonly prefix: string
  /** The node's name in the API. */
  readonly node: string
  /** Data, logs, certificates; removed with the cluster. */
  readonly directory: string
  /** Absolute path of the cgroup that is the root of the node's. */
  readonly cgroup: string
  /** Process that keeps the node's mount and cgroup namespaces. */
  readonly holder: number
  readonly network: Network
  /** Whether the node's cgroup has the controllers that limits need. */
  readonly limits: boolean
  /** Settings of the machine as they were, by path below /proc/sys. */
  readonly sysctls: Readonly<Record<string, string>>
}

export function stateFile(directory: string): string {
  return join(directory, 'state.json')
}

export async function saveState(state: ClusterState): Promise<void> {
  await writeFile(stateFile(state.directory), JSON.stringify(state, undefined, 2))
}

export async function readState(directory: string): Promise<ClusterState> {
  return JSON.parse(await readFile(stateFile(directory), 'utf8')) as ClusterState
}

/** Where a component's certificates and settings are. */
export function within({ directory }: Pick<ClusterState, 'directory'>, ...parts: string[]): string {
  return join(directory, ...parts)
}
