// SPDX-License-Identifier: Apache-2.0
// ztunnel as Istio's chart runs it: a DaemonSet with the names by which the agent knows it. A real one with
// ZTUNNEL_BIN, told of the pods by a control plane of the test's own; else the stand-in.

import { readFileSync } from 'node:fs'
import type { V1Container, V1DaemonSet } from '@kubernetes/client-node'
import { ZTUNNEL_IMAGE } from '../images/own.ts'
import type { Api } from '../kube/api.ts'
import type { CommandLine } from '../kube/kubectl.ts'
import { TestNamespace } from '../kube/namespace.ts'
import { type ClusterState, within } from '../node/state.ts'
import { PodFeed } from '../xds/feed.ts'
import { strictPolicy } from '../xds/resources.ts'
import { XdsServer } from '../xds/server.ts'

export const MESH_NAMESPACE = 'istio-system'

/** In this namespace connections without a certificate are denied. */
export const STRICT_NAMESPACE = 'strict'

/** Where Istio's ztunnel looks for its node agent. */
const SOCKET_DIRECTORY = '/var/run/ztunnel'

const METADATA = { name: 'ztunnel', namespace: MESH_NAMESPACE }

interface ControlPlane {
  readonly url: string
  /** PEM. */
  readonly authority: string
}

function environment(real: boolean, xds: ControlPlane): Record<string, string> {
  const common = { INPOD_UDS: `${SOCKET_DIRECTORY}/ztunnel.sock` }
  if (!real) return { ...common, STAND_IN_STRICT: STRICT_NAMESPACE }
  return {
    ...common,
    PROXY_MODE: 'shared',
    FAKE_CA: 'true',
    XDS_ADDRESS: xds.url,
    XDS_ROOT_CA: xds.authority,
    CLUSTER_ID: 'Kubernetes',
    LOG_FORMAT: 'json',
    RUST_LOG: 'info,access=debug'
  }
}

function container(real: boolean, xds: ControlPlane): V1Container {
  const nodeName = { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }
  const plain = Object.entries(environment(real, xds)).map(([name, value]) => ({ name, value }))
  return {
    name: 'istio-proxy',
    image: ZTUNNEL_IMAGE,
    imagePullPolicy: 'IfNotPresent',
    env: [...plain, nodeName],
    securityContext: { capabilities: { add: ['NET_ADMIN', 'SYS_ADMIN', 'NET_RAW'], drop: ['ALL'] } },
    volumeMounts: [{ name: 'socket', mountPath: SOCKET_DIRECTORY }]
  }
}

function daemonSet(real: boolean, xds: ControlPlane): V1DaemonSet {
  const labels = { app: 'ztunnel' }
  return {
    metadata: METADATA,
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: 'ztunnel',
          automountServiceAccountToken: false,
          terminationGracePeriodSeconds: 1,
          containers: [container(real, xds)],
          volumes: [{ name: 'socket', hostPath: { path: SOCKET_DIRECTORY, type: 'DirectoryOrCreate' } }]
        }
      }
    }
  }
}

/** Serves the pods until it is closed. */
export class Mesh {
  readonly #xds: XdsServer
  readonly #feed: PodFeed

  private constructor(xds: XdsServer, feed: PodFeed) {
    this.#xds = xds
    this.#feed = feed
  }

  static async start(api: Api, kubectl: CommandLine, state: ClusterState): Promise<Mesh> {
    const file = (name: string) => readFileSync(within(state, 'certificates', name))
    const identity = { cert: file('apiserver.crt'), key: file('apiserver.key') }
    const xds = await XdsServer.listen(state.network.api, identity)
    xds.set(strictPolicy(STRICT_NAMESPACE))
    const feed = new PodFeed(api, xds)
    await feed.open()
    const namespace = new TestNamespace(api, kubectl, MESH_NAMESPACE)
    await namespace.remove()
    await namespace.make()
    await api.ask('POST', `${namespace.path}/serviceaccounts`, { metadata: METADATA })
    const real = Boolean(process.env.ZTUNNEL_BIN)
    const path = `/apis/apps/v1/namespaces/${MESH_NAMESPACE}/daemonsets`
    await api.ask('POST', path, daemonSet(real, { url: xds.url, authority: file('ca.crt').toString() }))
    return new Mesh(xds, feed)
  }

  async close(): Promise<void> {
    this.#feed.close()
    await this.#xds.close()
  }
}
