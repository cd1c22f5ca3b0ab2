// SPDX-License-Identifier: Apache-2.0
// etcd, the API server and what works through it, each with its settings.

import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { get } from 'node:https'
import { tool } from '../tools/tools.ts'
import type { Component } from './component.ts'
import { kubeconfigPath } from './kubeconfig.ts'
import { type ClusterState, within } from './state.ts'

/** Whether an HTTPS server of the run answers 200, asked with a certificate of the run. */
function answers(state: ClusterState, url: string): Promise<boolean> {
  const file = (name: string) => readFileSync(within(state, 'certificates', name))
  return new Promise((resolve) => {
    const options = { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key'), timeout: 5000 }
    const asked = get(url, { ...options, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(false))
  })
}

function flags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
}

function certificate(state: ClusterState, file: string): string {
  return within(state, 'certificates', file)
}

export function etcd(state: ClusterState): Component {
  const host = state.network.node[0]
  const client = `https://${host}:2379`
  const peer = `https://${host}:2380`
  const settings = {
    'data-dir': within(state, 'etcd'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
    'cert-file': certificate(state, 'etcd.crt'),
    'key-file': certificate(state, 'etcd.key'),
    'trusted-ca-file': certificate(state, 'ca.crt'),
    'client-cert-auth': 'true',
    'peer-cert-file': certificate(state, 'etcd.crt'),
    'peer-key-file': certificate(state, 'etcd.key'),
    'peer-trusted-ca-file': certificate(state, 'ca.crt'),
    'peer-client-cert-auth': 'true',
    'unsafe-no-fsync': 'true'
  }
  return { name: 'etcd', argv: ['etcd', ...flags(settings)], ready: () => answers(state, `${client}/health`) }
}

export function apiserver(state: ClusterState): Component {
  const { network } = state
  const settings = {
    'etcd-servers': `https://${network.node[0]}:2379`,
    'etcd-cafile': certificate(state, 'ca.crt'),
    'etcd-certfile': certificate(state, 'apiserver.crt'),
    'etcd-keyfile': certificate(state, 'apiserver.key'),
    'bind-address': network.api,
    'secure-port': '443',
    'tls-cert-file': certificate(state, 'apiserver.crt'),
    'tls-private-key-file': certificate(state, 'apiserver.key'),
    'client-ca-file': certificate(state, 'ca.crt'),
    'anonymous-auth': 'false',
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': certificate(state, 'tokens.pub'),
    'service-account-signing-key-file': certificate(state, 'tokens.key'),
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'service-cluster-ip-range': network.services.join(','),
    'allow-privileged': 'true',
    'kubelet-client-certificate': certificate(state, 'apiserver.crt'),
    'kubelet-client-key': certificate(state, 'apiserver.key'),
    'kubelet-certificate-authority': certificate(state, 'ca.crt'),
    'kubelet-preferred-address-types': 'InternalIP',
    'audit-policy-file': within(state, 'audit-policy.json'),
    'audit-log-path': auditLog(state),
    profiling: 'false'
  }
  return {
    name: 'kube-apiserver',
    argv: [tool('kube-apiserver'), ...flags(settings)],
    ready: () => answers(state, `https://${network.api}/readyz`)
  }
}

/** One line of JSON for each request of a service account. */
export function auditLog(state: Pick<ClusterState, 'directory'>): string {
  return within(state, 'logs', 'audit.log')
}

export async function writeAuditPolicy(state: ClusterState): Promise<void> {
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', userGroups: ['system:serviceaccounts'] }, { level: 'None' }]
  }
  await writeFile(within(state, 'audit-policy.json'), JSON.stringify(policy))
}

function through(state: ClusterState, name: 'kube-controller-manager' | 'kube-scheduler', port: number) {
  const kubeconfig = kubeconfigPath(state, name)
  const host = state.network.node[0] ?? ''
  return {
    kubeconfig,
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
    'bind-address': host,
    'secure-port': `${port}`,
    'tls-cert-file': certificate(state, 'apiserver.crt'),
    'tls-private-key-file': certificate(state, 'apiserver.key'),
    'client-ca-file': certificate(state, 'ca.crt'),
    'leader-elect': 'false'
  }
}

export function controllerManager(state: ClusterState): Component {
  const settings = {
    ...through(state, 'kube-controller-manager', 10257),
    'service-account-private-key-file': certificate(state, 'tokens.key'),
    'root-ca-file': certificate(state, 'ca.crt'),
    'kube-api-qps': '200',
    'kube-api-burst': '400',
    'use-service-account-credentials': 'true',
    // It ends pods of nodes that do not exist, which is what the source is tested with.
    controllers: '*,-pod-garbage-collector-controller'
  }
  return {
    name: 'kube-controller-manager',
    argv: [tool('kube-controller-manager'), ...flags(settings)],
    ready: () => answers(state, `https://${state.network.node[0]}:10257/healthz`)
  }
}

export function scheduler(state: ClusterState): Component {
  return {
    name: 'kube-scheduler',
    argv: [tool('kube-scheduler'), ...flags(through(state, 'kube-scheduler', 10259))],
    ready: () => answers(state, `https://${state.network.node[0]}:10259/healthz`)
  }
}
