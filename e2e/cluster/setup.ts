// SPDX-License-Identifier: Apache-2.0
// What the tests run against: the cluster that KUBECONFIG names, or one that is made for the run and removed with it.
// On a node of this machine Sluice's image and a ztunnel are brought there.

import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bringUpGuarded, type Cluster } from './cluster.ts'
import { importSluice } from './images/sluice.ts'
import { Api } from './kube/api.ts'
import { CommandLine } from './kube/kubectl.ts'
import { Mesh } from './mesh/ztunnel.ts'
import { type ClusterState, readState, stateFile } from './node/state.ts'

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
  const named = process.env.KUBECONFIG
  if (named) {
    const state = await stateOf(named)
    tell(`the one of ${named}${state === undefined ? '' : ', on this machine'}`)
    if (state !== undefined) return await furnish(project, { kubeconfig: named, state })
    project.provide('kubeconfig', named)
    project.provide('state', null)
    return undefined
  }
  const { release, ...made } = await bringUpGuarded()
  tell(`made for this run: ${made.state.node}`)
  try {
    const close = await furnish(project, made)
    return async () => {
      await close()
      await release()
    }
  } catch (error) {
    await release()
    throw error
  }
}

/** What `make cluster-up` left beside its kubeconfig. */
async function stateOf(kubeconfig: string): Promise<ClusterState | undefined> {
  const directory = dirname(kubeconfig)
  return existsSync(stateFile(directory)) ? await readState(directory) : undefined
}

async function furnish(project: TestProject, { kubeconfig, state }: Cluster): Promise<Teardown> {
  project.provide('kubeconfig', kubeconfig)
  project.provide('state', state)
  await importSluice(state)
  const api = new Api(kubeconfig)
  const mesh = await Mesh.start(api, new CommandLine('kubectl', kubeconfig), state)
  tell(`ztunnel: ${process.env.ZTUNNEL_BIN || 'the stand-in'}`)
  return async () => {
    await mesh.close()
    api.close()
  }
}
