// SPDX-License-Identifier: Apache-2.0
// The chart and the plain manifests: rendered with every value, accepted by the API server, read by the agent.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type {
  KubernetesObject,
  V1ClusterRole,
  V1ConfigMap,
  V1Container,
  V1DaemonSet,
  V1PodSpec,
  V1Role
} from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { plainManifests } from '../../../deploy/manifests/generate.ts'
import { loadConfig } from '../../../observer/config/load.ts'
import { run } from '../../world/running.ts'
import { openScene } from '../scene.ts'
import { tool } from '../tools/tools.ts'
import { CHART, only, render, type Values } from './rendering.ts'

const PROJECT = join(CHART, '../../..')

/** Kinds whose definitions a cluster has only with Prometheus Operator. */
const OF_PROMETHEUS = ['PodMonitor', 'PrometheusRule']

const scene = openScene()

const VARIATIONS: readonly (readonly [string, Values])[] = [
  ['the defaults', {}],
  ['observe on a canary', { mode: 'observe', nodeSelector: { 'kubernetes.io/hostname': 'worker-1' } }],
  [
    'settings of the agent',
    {
      config: {
        strict: true,
        cgroupRoots: ['/kubepods.slice'],
        ztunnel: { namespace: 'kube-system' },
        steering: { mark: 0xffffffff, mask: 0xffffffff },
        ringBufferBytes: 1_048_576,
        log: { level: 'debug' }
      }
    }
  ],
  [
    'what is watched',
    {
      metrics: {
        address: '[::]:9100',
        podMonitor: { enabled: true, labels: { release: 'prometheus' } },
        prometheusRule: { enabled: true, runbook: 'https://docs.example/runbook' },
        dashboard: { enabled: true }
      }
    }
  ],
  [
    'everything of the pod',
    {
      image: { repository: 'registry.example/mesh/sluice', digest: `sha256:${'a'.repeat(64)}` },
      imagePullSecrets: [{ name: 'pull' }],
      serviceAccount: { name: 'agents', annotations: { 'example.com/role': 'r' } },
      podLabels: { team: 'mesh' },
      podAnnotations: { note: 'x' },
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'pool', operator: 'In', values: ['a'] }] }]
          }
        }
      },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
      resources: { requests: { cpu: '1' }, limits: { memory: '1Gi' } },
      maxUnavailable: '10%',
      terminationGracePeriodSeconds: 120,
      security: { seLinuxOptions: { type: 'spc_t' } },
      paths: { bpffs: '/var/bpf', cgroup: '/cgroup', ztunnel: '/var/run/mesh' },
      istio: { untaint: true },
      resourceQuota: { enabled: true },
      uninstall: { timeoutSeconds: 30 }
    }
  ],
  ['no hook', { uninstall: { hook: false }, fullnameOverride: 'mesh' }]
]

function podOf(objects: readonly KubernetesObject[], name = 'sluice'): V1PodSpec {
  const { spec } = only<V1DaemonSet>(objects, 'DaemonSet', name)
  if (spec?.template.spec === undefined) throw new Error('a DaemonSet without pods')
  return spec.template.spec
}

function agentOf(objects: readonly KubernetesObject[]): V1Container {
  const [agent] = podOf(objects).containers
  if (agent === undefined) throw new Error('a pod without containers')
  return agent
}

describe.each(VARIATIONS)('the chart with %s', (_, values) => {
  it('is what Helm finds no fault with', async () => {
    const linted = await run([tool('helm'), 'lint', '--strict', CHART, '--values', '-'], {
      input: stringify(values)
    })
    expect(linted.code, linted.stdout + linted.stderr).toBe(0)
  })

  it('is accepted by the API server', async () => {
    const objects = await render(values)
    const known = objects.filter(({ kind = '' }) => !OF_PROMETHEUS.includes(kind))
    const input = known.map((object) => stringify(object)).join('---\n')
    const answer = await scene.kubectl.must(
      ['apply', '--dry-run=server', '--validate=strict', '--namespace', 'default', '-f', '-'],
      input
    )
    expect(answer.trim().split('\n')).toHaveLength(known.length)
  })

  it('gives the agent a configuration that it takes', async () => {
    const name = typeof values.fullnameOverride === 'string' ? values.fullnameOverride : 'sluice'
    const { data } = only<V1ConfigMap>(await render(values), 'ConfigMap', name)
    const file = { path: 'config.yaml', text: data?.['config.yaml'] ?? '' }
    expect(loadConfig({ file, env: {}, flags: {} })).toMatchObject({
      source: 'kubernetes',
      mode: values.mode ?? 'enforce',
      kubernetes: { daemonSet: name }
    })
  })
})

describe('a value', () => {
  it.each([
    ['that there is not', { privileged: true }, "additional properties 'privileged' not allowed"],
    [
      'of the agent that there is not',
      { config: { stict: true } },
      "additional properties 'stict' not allowed"
    ],
    ['that the chart derives', { config: { mode: 'observe' } }, "additional properties 'mode' not allowed"],
    ['of another type', { config: { strict: 'perhaps' } }, 'got string, want boolean'],
    ['of another set', { mode: 'dry-run' }, "must be one of 'enforce', 'observe'"],
    ['that is no digest', { image: { digest: 'latest' } }, 'does not match pattern'],
    ['that is no path', { paths: { bpffs: 'bpf' } }, 'does not match pattern']
  ])('%s is refused', async (_, values, reason) => {
    await expect(render(values)).rejects.toThrow(reason)
  })

  it('asks for Kubernetes 1.28', async () => {
    await expect(render({}, { kubeVersion: '1.27.9' })).rejects.toThrow('requires kubeVersion')
    await expect(render({}, { kubeVersion: '1.28.0' })).resolves.toBeDefined()
  })
})

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
    const objects = await render({}, { kubeVersion: '1.29.0' })
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

describe('the rights', () => {
  it('are these', async () => {
    const objects = await render({ uninstall: { hook: false } })
    expect(only<V1ClusterRole>(objects, 'ClusterRole').rules).toEqual([
      { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create'] }
    ])
    expect(only<V1Role>(objects, 'Role').rules).toEqual([
      { apiGroups: ['apps'], resources: ['daemonsets'], resourceNames: ['sluice'], verbs: ['get'] }
    ])
    expect(objects.filter(({ kind }) => kind?.endsWith('Role'))).toHaveLength(2)
  })
})

describe('what is watched', () => {
  it('is off by default', async () => {
    const kinds = (await render({})).map(({ kind }) => kind)
    expect(kinds.filter((kind) => OF_PROMETHEUS.includes(kind ?? ''))).toEqual([])
    expect(kinds.filter((kind) => kind === 'ConfigMap')).toHaveLength(1)
  })

  it('has a line of the runbook with each alert', async () => {
    const metrics = { prometheusRule: { enabled: true }, podMonitor: { enabled: true } }
    const objects = await render({ metrics })
    const rules = only<KubernetesObject & { spec: { groups: { rules: Rule[] }[] } }>(
      objects,
      'PrometheusRule'
    )
    const alerts = rules.spec.groups.flatMap((group) => group.rules)
    expect(alerts.length).toBeGreaterThan(10)
    for (const { alert, expr, annotations } of alerts) {
      expect(expr).not.toBe('')
      expect(annotations.runbook_url).toBe(`docs/runbook.md#${alert.toLowerCase()}`)
    }
    const monitor = only<KubernetesObject & { spec: Monitor }>(objects, 'PodMonitor')
    const template = only<V1DaemonSet>(objects, 'DaemonSet').spec?.template
    expect(template?.metadata?.labels).toMatchObject(monitor.spec.selector.matchLabels)
    expect(agentOf(objects).ports?.map(({ name }) => name)).toContain(
      monitor.spec.podMetricsEndpoints[0]?.port
    )
  })
})

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: Readonly<Record<string, string>>
}

interface Monitor {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
  readonly podMetricsEndpoints: readonly { readonly port: string }[]
}

describe('the plain manifests', () => {
  it('are the chart’s', () => {
    expect(readFileSync(join(PROJECT, 'deploy/manifests/sluice.yaml'), 'utf8')).toBe(plainManifests())
  })
})
