// SPDX-License-Identifier: Apache-2.0
// What the chart lets the agent do, on the node and at the API server: what docs/install.md says, and no more.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { V1ClusterRole, V1DaemonSet, V1Role } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../observer/config/load.ts'
import { agentOf, CHART, only, podOf, render, type Values } from './rendering.ts'

const PROJECT = join(CHART, '../../..')

describe('the agent’s pod', () => {
  it('is allowed what docs/install.md says, and nothing else', async () => {
    const objects = await render({})
    const { hostPID, hostNetwork, hostIPC, securityContext } = podOf(objects)
    expect({ hostPID, hostNetwork, hostIPC }).toEqual({
      hostPID: true,
      hostNetwork: false,
      hostIPC: undefined
    })
    expect(securityContext).toEqual({ seccompProfile: { type: 'RuntimeDefault' } })
    expect(agentOf(objects).securityContext).toEqual({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      runAsNonRoot: false,
      appArmorProfile: { type: 'Unconfined' },
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'SYS_ADMIN', 'SYS_PTRACE'] }
    })
    const document = readFileSync(join(PROJECT, 'docs/install.md'), 'utf8')
    const [, capabilities = ''] = /^\| capability.*\n((?:\|.*\n)+)/m.exec(document) ?? []
    const documented = [...capabilities.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name)
    expect(documented).toEqual(agentOf(objects).securityContext?.capabilities?.add)
    const paths = [...document.matchAll(/^\| host `(\S+)`/gm)].map(([, path]) => path)
    const mounted = podOf(objects).volumes?.flatMap(({ hostPath }) => hostPath?.path ?? [])
    expect(paths).toEqual(mounted)
  })

  it('leaves ztunnel’s directory alone while it observes', async () => {
    const volumes = podOf(await render({ mode: 'observe' })).volumes?.map(({ name }) => name)
    expect(volumes).toEqual(['config', 'bpffs', 'cgroup', 'run', 'tmp'])
  })

  it('is replaced, never doubled', async () => {
    const { spec } = only<V1DaemonSet>(await render({}), 'DaemonSet')
    expect(spec?.updateStrategy).toEqual({
      type: 'RollingUpdate',
      rollingUpdate: { maxSurge: 0, maxUnavailable: 1 }
    })
  })

  it('is replaced when its configuration changes', async () => {
    const sum = async (values: Values) =>
      only<V1DaemonSet>(await render(values), 'DaemonSet').spec?.template.metadata?.annotations?.[
        'checksum/config'
      ]
    expect(await sum({ config: { strict: true } })).not.toBe(await sum({}))
  })

  it('has the AppArmor annotation where Kubernetes has no field yet', async () => {
    const objects = await render({}, '1.29.0')
    expect(agentOf(objects).securityContext).not.toHaveProperty('appArmorProfile')
    expect(only<V1DaemonSet>(objects, 'DaemonSet').spec?.template.metadata?.annotations).toMatchObject({
      'container.apparmor.security.beta.kubernetes.io/agent': 'unconfined'
    })
  })

  it('is istio-cni to the untaint controller only when it is told to be', async () => {
    const labels = async (values: Values) =>
      only<V1DaemonSet>(await render(values), 'DaemonSet').spec?.template.metadata?.labels
    expect(await labels({})).not.toHaveProperty('k8s-app')
    expect(await labels({ istio: { untaint: true } })).toMatchObject({ 'k8s-app': 'istio-cni-node' })
  })
})

describe('the agent’s place on a node', () => {
  it('is there whatever its taints, and is the last to be evicted', async () => {
    const { tolerations, priorityClassName } = podOf(await render({}))
    expect(tolerations).toEqual([{ operator: 'Exists' }])
    expect(priorityClassName).toBe('system-node-critical')
  })

  it('is reserved, and bounded in memory alone', async () => {
    expect(agentOf(await render({})).resources).toEqual({
      requests: { cpu: '50m', memory: '110Mi' },
      limits: { memory: '256Mi' }
    })
  })

  it('lasts on an uninstall until the pods have left', async () => {
    const { drainTimeout } = loadConfig()
    const { terminationGracePeriodSeconds = 0 } = podOf(await render({}))
    expect(terminationGracePeriodSeconds * 1000).toBeGreaterThan(drainTimeout)
  })

  it('is asked whether it is ready, alive and has started, where it serves its metrics', async () => {
    const { ports, readinessProbe, livenessProbe, startupProbe } = agentOf(await render({}))
    expect(ports).toEqual([{ name: 'metrics', containerPort: 15014 }])
    expect(readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'metrics' })
    for (const probe of [livenessProbe, startupProbe])
      expect(probe?.httpGet).toEqual({ path: '/livez', port: 'metrics' })
  })
})

describe('the rights', () => {
  it('are these', async () => {
    const objects = await render({ uninstall: { hook: false } })
    expect(only<V1ClusterRole>(objects, 'ClusterRole').rules).toEqual([
      { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['list', 'watch'] },
      { apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create'] }
    ])
    expect(only<V1Role>(objects, 'Role').rules).toEqual([
      { apiGroups: ['apps'], resources: ['daemonsets'], resourceNames: ['sluice'], verbs: ['get'] }
    ])
    expect(objects.filter(({ kind }) => kind?.endsWith('Role'))).toHaveLength(2)
  })
})
