// SPDX-License-Identifier: Apache-2.0
// Pods of a node that does not exist, so that no kubelet takes part in what the agent and the API server say.

import { afterAll, beforeAll } from 'vitest'
import { HttpsApi } from '../../observer/kubernetes/api.ts'
import { Credentials } from '../../observer/kubernetes/credentials.ts'
import { uniquePrefix } from '../world/name.ts'
import { Follower } from './follower.ts'
import type { TestNamespace } from './kube/namespace.ts'
import { openScene, type Scene } from './scene.ts'

const AT_ONCE = 25

export interface Nobody {
  readonly nodeName: string
  readonly scene: Scene
  /** The agent's way to the API server, and the namespace of the pods: there when the first test starts. */
  readonly api: HttpsApi
  readonly namespace: TestNamespace
  readonly podPath: (name: string) => string
  /** The source, once it has told what is there. */
  readonly follow: (watchSeconds?: number) => Promise<Follower>
}

/** Call at the top of a file: it registers the hooks itself. @param count of pods, named pod-0 and so on */
export function openNobody(count: number): Nobody {
  const scene = openScene()
  const nodeName = `nobody-${uniquePrefix()}`
  let opened: { readonly credentials: Credentials; readonly namespace: TestNamespace } | undefined

  const there = () => {
    if (opened === undefined) throw new Error('the namespace is made before the first test')
    return opened
  }
  const api = () => new HttpsApi(there().credentials)

  // Elsewhere somebody removes the pods of nodes that there are not.
  const node = { metadata: { name: nodeName }, spec: { unschedulable: true } }

  beforeAll(async () => {
    if (scene.state === null) await scene.api.ask('POST', '/api/v1/nodes', node)
    const credentials = await Credentials.open(scene.api.kubeconfig)
    const namespace = await scene.namespace(`${nodeName}-pods`)
    opened = { credentials, namespace }
    const make = async (from: number) => {
      for (let index = from; index < count; index += AT_ONCE)
        await namespace.create(`pod-${index}`, { spec: { nodeName } })
    }
    await Promise.all(Array.from({ length: AT_ONCE }, (_, from) => make(from)))
  })

  // Nobody ends pods that no kubelet runs.
  afterAll(async () => {
    if (opened === undefined) return
    opened.credentials.close()
    await scene.api.ask('DELETE', `${opened.namespace.path}/pods?gracePeriodSeconds=0`)
    if (scene.state === null) await scene.api.ask('DELETE', `/api/v1/nodes/${nodeName}`)
  })

  return {
    nodeName,
    scene,
    get api() {
      return api()
    },
    get namespace() {
      return there().namespace
    },
    podPath: (name) => `${there().namespace.path}/pods/${name}`,
    follow: (watchSeconds) => new Follower(api(), nodeName, watchSeconds).synced()
  }
}
