// SPDX-License-Identifier: Apache-2.0
// What the tests run against: the cluster that KUBECONFIG names, or the one that `make cluster-up` left, or one that is
// made for the run and removed with it.

import type { TestProject } from 'vitest/node'
import { bringUpGuarded } from './cluster.ts'
import type { ClusterState } from './node/state.ts'
import { standing } from './standing.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    kubeconfig: string
    /** Of a node on this machine; null: the cluster is somebody else's. */
    state: ClusterState | null
  }
}

function tell(text: string): void {
  process.stdout.write(`cluster: ${text}\n`)
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const foreign = process.env.KUBECONFIG
  if (foreign) {
    tell(`the one of ${foreign}`)
    project.provide('kubeconfig', foreign)
    project.provide('state', null)
    return undefined
  }
  const left = await standing()
  const made = left === undefined ? await bringUpGuarded() : undefined
  const cluster = left ?? made
  if (cluster === undefined) return undefined
  tell(`${made === undefined ? 'the one that is up' : 'made for this run'}: ${cluster.state.node}`)
  project.provide('kubeconfig', cluster.kubeconfig)
  project.provide('state', cluster.state)
  return made?.release
}
