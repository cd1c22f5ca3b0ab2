// SPDX-License-Identifier: Apache-2.0
import { mkdir, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { tool } from '../tools/tools.ts'
import type { Component } from './component.ts'
import { runtimeSocket } from './container-runtime.ts'
import { kubeconfigPath } from './kubeconfig.ts'
import { type ClusterState, within } from './state.ts'

const HEALTH_PORT = 10248

/** Of pods that fit: a namespace of 100, and room. */
const MAX_PODS = 250

/** https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/ */
function configuration(state: ClusterState): object {
  const [address = ''] = state.network.node
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address,
    healthzBindAddress: address,
    healthzPort: HEALTH_PORT,
    tlsCertFile: within(state, 'certificates/kubelet.crt'),
    tlsPrivateKeyFile: within(state, 'certificates/kubelet.key'),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: within(state, 'certificates/ca.crt') }
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: `unix://${runtimeSocket(state)}`,
    cgroupDriver: 'cgroupfs',
    enforceNodeAllocatable: [],
    failSwapOn: false,
    // What would be lowered for the kubelet itself needs CAP_SYS_RESOURCE.
    oomScoreAdj: 0,
    maxPods: MAX_PODS,
    // Nobody pulls; what was imported must stay, however full the disk is.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    makeIPTablesUtilChains: false,
    clusterDomain: 'cluster.local',
    clusterDNS: [state.network.api],
    resolvConf: '',
    staticPodPath: staticPods(state),
    fileCheckFrequency: '2s',
    podLogsDir: within(state, 'logs/pods'),
    volumePluginDir: within(state, 'kubelet/volume-plugins')
  }
}

/** A manifest written here is a pod that no API server was asked for. */
export function staticPods(state: Pick<ClusterState, 'directory'>): string {
  return within(state, 'static-pods')
}

function healthy(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get({ host: address, port: HEALTH_PORT, path: '/healthz', agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asked.on('error', () => resolve(false))
  })
}

export async function kubelet(state: ClusterState): Promise<Component> {
  const file = within(state, 'kubelet.json')
  await mkdir(staticPods(state), { recursive: true })
  await writeFile(file, JSON.stringify(configuration(state)))
  return {
    name: 'kubelet',
    argv: [
      tool('kubelet'),
      `--config=${file}`,
      `--kubeconfig=${kubeconfigPath(state, 'kubelet')}`,
      `--root-dir=${within(state, 'kubelet')}`,
      `--hostname-override=${state.node}`,
      `--node-ip=${state.network.node.join(',')}`
    ],
    ready: () => healthy(state.network.node[0] ?? '')
  }
}
