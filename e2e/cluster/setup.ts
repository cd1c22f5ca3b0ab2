// SPDX-License-Identifier: Apache-2.0
// What the tests run against: the cluster that KUBECONFIG names, or the one that `make cluster-up` left, or one that is
// made for the run and removed with it. On a node of this machine Sluice's image and a ztunnel are brought there.

import type { TestProject } from 'vitest/node'
import { bringUpGuarded, type Cluster } from './cluster.ts'
import { importSluice } from './images/sluice.ts'
import { Api } from './kube/api.ts'
import { CommandLine } from './kube/kubectl.ts'
import { Mesh } from './mesh/ztunnel.ts'
import type { ClusterState } from './node/state.ts'
import { standing } from './standing.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    kubeconfig: string
    /** Of a node on this machine; null: the cluster is somebody else's. */
    state: ClusterState | null
  }
}

type Teardown = () => Promise<void>

function tell(text: string): void {
  process.stdout.write(`cluster: ${text}\n`)
}

export default async function setup(project: TestProject): Promise<Teardown | undefined> {
  const foreign = process.env.KUBECONFIG
  if (foreign) {
    tell(`the one of ${foreign}`)
    project.provide('kubeconfig', foreign)
    project.provide('state', null)
    return undefined
  }
  const left = await standing()
  if (left !== undefined) {
    tell(`the one that is up: ${left.state.node}`)
    return await furnish(project, left)
  }
  const { release, ...made } = await bringUpGuarded()
  tell(`made for this run: ${made.state.node}`)
  try {
    const clear = await furnish(project, made)
    return async () => {
      await clear()
      await release()
    }
  } catch (error) {
    await release()
    throw error
  }
}

async function furnish(project: TestProject, { kubeconfig, state }: Cluster): Promise<Teardown> {
  project.provide('kubeconfig', kubeconfig)
  project.provide('state', state)
  await importSluice(state)
  const api = new Api(kubeconfig)
  const mesh = await Mesh.start(api, new CommandLine('kubectl', kubeconfig), state.network.api)
  tell(`ztunnel: ${process.env.ZTUNNEL_BIN || 'the stand-in'}`)
  return async () => {
    await mesh.close()
    api.close()
  }
}
