// SPDX-License-Identifier: Apache-2.0
// The cluster that `make cluster-up` leaves: at most one for a clone of the project.

import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { bringUp, type Cluster, clusterOf } from './cluster.ts'
import { processOf } from './node/component.ts'
import { removeCluster } from './node/removal.ts'
import type { ClusterState } from './node/state.ts'
import { stateFile } from './node/state.ts'
import { CACHE } from './tools/tools.ts'

const RECORD = join(CACHE, 'standing.json')
const SERVERS = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'containerd',
  'kubelet'
]

async function recorded(): Promise<ClusterState | undefined> {
  return existsSync(RECORD) ? (JSON.parse(await readFile(RECORD, 'utf8')) as ClusterState) : undefined
}

function alive(state: ClusterState): boolean {
  return (
    existsSync(stateFile(state.directory)) && SERVERS.every((name) => processOf(state, name) !== undefined)
  )
}

/** The cluster that is up, if all of its servers are. */
export async function standing(): Promise<Cluster | undefined> {
  const state = await recorded()
  return state !== undefined && alive(state) ? clusterOf(state) : undefined
}

/** Makes one unless it is up. */
export async function up(): Promise<Cluster> {
  const there = await standing()
  if (there !== undefined) return there
  await down()
  const cluster = await bringUp()
  await mkdir(dirname(RECORD), { recursive: true })
  await writeFile(RECORD, JSON.stringify(cluster.state))
  return cluster
}

/** @returns the prefix of what was removed, undefined when none was up. */
export async function down(): Promise<string | undefined> {
  const state = await recorded()
  if (state === undefined) return undefined
  await removeCluster(state)
  await rm(RECORD)
  return state.prefix
}
