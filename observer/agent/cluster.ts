// SPDX-License-Identifier: Apache-2.0
// Everything of the agent that talks to an API server; loaded only where pods come from one.

import { hostname } from 'node:os'
import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import { HttpsApi } from '../kubernetes/api.ts'
import { Credentials } from '../kubernetes/credentials.ts'
import { OwnDaemonSet } from '../kubernetes/own-daemon-set.ts'
import type { ComponentIdentity } from '../membership/policy.ts'
import { Publisher } from '../publish/publisher.ts'
import { kubernetesSource } from '../sources/kubernetes/kubernetes.ts'
import type { PodSource } from '../sources/source.ts'

/** Disposed of: the API server is asked and told nothing more. */
export interface Cluster extends Disposable {
  readonly source: PodSource
  readonly publisher: Publisher
  /** The agent's own pod; undefined: it runs in none. */
  readonly identity: ComponentIdentity | undefined
  /** Whether what the agent has made is to be taken back. */
  isUninstalled(): Promise<boolean>
}

/** @throws SluiceError SLUICE_ERR_KUBERNETES_CONFIG */
export async function openCluster({ kubernetes, mode }: Config, log: Logger): Promise<Cluster> {
  const credentials = await Credentials.open(kubernetes.kubeconfig)
  const api = new HttpsApi(credentials)
  const nodeName = kubernetes.nodeName ?? process.env.NODE_NAME ?? hostname().toLowerCase()
  const publisher = new Publisher({ api, mode, nodeName, log })
  const namespace = kubernetes.namespace ?? credentials.namespace
  const daemonSet =
    namespace === undefined
      ? undefined
      : new OwnDaemonSet({ api, name: { namespace, name: kubernetes.daemonSet }, log })
  daemonSet?.meet()
  log.info({ server: api.server, node: nodeName }, 'pods come from the API server')
  return {
    source: kubernetesSource({ api, nodeName }),
    publisher,
    identity: namespace === undefined ? undefined : { namespace, serviceAccount: kubernetes.serviceAccount },
    isUninstalled: async () => (await daemonSet?.isUninstalled()) ?? false,
    [Symbol.dispose]() {
      daemonSet?.close()
      publisher.close()
      credentials.close()
    }
  }
}
