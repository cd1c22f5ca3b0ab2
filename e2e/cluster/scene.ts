// SPDX-License-Identifier: Apache-2.0
// What every test file begins with: the cluster of the run, and namespaces that are removed at the end.

import { afterAll, inject } from 'vitest'
import { Api } from './kube/api.ts'
import { CommandLine } from './kube/kubectl.ts'
import { TestNamespace } from './kube/namespace.ts'
import type { ClusterState } from './node/state.ts'

export interface Scene {
  readonly api: Api
  readonly kubectl: CommandLine
  /** The node on this machine, if it is one. */
  readonly state: ClusterState | null
  /** Makes a namespace that is removed after the file's tests. */
  readonly namespace: (
    name: string,
    about?: Parameters<typeof TestNamespace.create>[3]
  ) => Promise<TestNamespace>
}

export function openScene(): Scene {
  const kubeconfig = inject('kubeconfig')
  const api = new Api(kubeconfig)
  const kubectl = new CommandLine('kubectl', kubeconfig)
  const made: TestNamespace[] = []
  afterAll(async () => {
    await Promise.all(made.map((namespace) => namespace.remove()))
    api.close()
  })
  const namespace: Scene['namespace'] = async (name, about) => {
    const namespace = await TestNamespace.create(api, kubectl, name, about)
    made.push(namespace)
    return namespace
  }
  return { api, kubectl, state: inject('state'), namespace }
}
