// SPDX-License-Identifier: Apache-2.0
// What every test file begins with: the cluster of the run, and namespaces that are removed at the end.

import { afterAll, inject } from 'vitest'
import { Api } from './kube/api.ts'
import { CommandLine } from './kube/kubectl.ts'
import { type About, TestNamespace } from './kube/namespace.ts'
import { ZtunnelLog } from './mesh/connections.ts'
import { Sluice } from './mesh/sluice.ts'
import type { ClusterState } from './node/state.ts'

export interface Scene {
  readonly api: Api
  readonly kubectl: CommandLine
  readonly sluice: Sluice
  readonly ztunnel: ZtunnelLog
  /** The node on this machine, if it is one. */
  readonly state: ClusterState | null
  /** Makes a namespace that is removed after the file's tests. */
  readonly namespace: (name: string, about?: About) => Promise<TestNamespace>
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
    const namespace = new TestNamespace(api, kubectl, name)
    // A test that is tried again finds what its first try has left.
    if (made.some((earlier) => earlier.name === name)) await namespace.remove()
    else made.push(namespace)
    await namespace.make(about)
    return namespace
  }
  const sluice = new Sluice(api, kubectl)
  return { api, kubectl, sluice, ztunnel: new ZtunnelLog(api), state: inject('state'), namespace }
}
