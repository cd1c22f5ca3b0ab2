// SPDX-License-Identifier: Apache-2.0
// The chart and the plain manifests: rendered with every value, accepted by the API server, read by the agent.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubernetesObject, V1ConfigMap, V1DaemonSet } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { plainManifests } from '../../../deploy/manifests/generate.ts'
import { loadConfig } from '../../../observer/config/load.ts'
import { run } from '../../world/running.ts'
import { openScene } from '../scene.ts'
import { tool } from '../tools/tools.ts'
import { definePrometheusOperator } from './prometheus-operator.ts'
import { agentOf, CHART, only, render, type Values } from './rendering.ts'

const PROJECT = join(CHART, '../../..')
const MANIFESTS = 'deploy/manifests/sluice.yaml'

/** Kinds whose definitions a cluster has only with Prometheus Operator. */
const OF_PROMETHEUS = ['PodMonitor', 'PrometheusRule']

const RUNBOOK = 'https://docs.example/runbook'

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
        prometheusRule: { enabled: true, runbook: RUNBOOK },
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

let forget: () => Promise<void>
beforeAll(async () => {
  forget = await definePrometheusOperator(scene.api)
})
afterAll(() => forget())

/** What the API server would make of them, a line for each. @throws with what it refuses, an unknown field too */
async function accepted(objects: readonly KubernetesObject[], namespace: string): Promise<string[]> {
  const input = objects.map((object) => stringify(object)).join('---\n')
  const how = ['--dry-run=server', '--validate=strict', '--namespace', namespace, '-f', '-']
  return (await scene.kubectl.must(['apply', ...how], input)).trim().split('\n')
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
    expect(await accepted(objects, 'default')).toHaveLength(objects.length)
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
    [
      'that is no absolute URL',
      { metrics: { prometheusRule: { runbook: 'docs/runbook.md' } } },
      'does not match pattern'
    ],
    ['that is no path', { paths: { bpffs: 'bpf' } }, 'does not match pattern']
  ])('%s is refused', async (_, values, reason) => {
    await expect(render(values)).rejects.toThrow(reason)
  })

  it('asks for Kubernetes 1.28', async () => {
    await expect(render({}, '1.27.9')).rejects.toThrow('requires kubeVersion')
    await expect(render({}, '1.28.0')).resolves.toBeDefined()
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
    const alerts = only<PrometheusRule>(objects, 'PrometheusRule').spec.groups.flatMap((group) => group.rules)
    expect(alerts.length).toBeGreaterThan(10)
    for (const { alert, expr, annotations } of alerts) {
      expect(expr).not.toBe('')
      expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`)
      expect(annotations).not.toHaveProperty('runbook_url')
    }
    const monitor = only<KubernetesObject & { spec: Monitor }>(objects, 'PodMonitor')
    const template = only<V1DaemonSet>(objects, 'DaemonSet').spec?.template
    expect(template?.metadata?.labels).toMatchObject(monitor.spec.selector.matchLabels)
    expect(agentOf(objects).ports?.map(({ name }) => name)).toContain(
      monitor.spec.podMetricsEndpoints[0]?.port
    )
  })
})

describe('the alert rules', () => {
  const rules = async (values: Values) => {
    const objects = await render({
      metrics: { prometheusRule: { enabled: true, runbook: RUNBOOK } },
      ...values
    })
    const name = typeof values.fullnameOverride === 'string' ? values.fullnameOverride : 'sluice'
    return only<PrometheusRule>(objects, 'PrometheusRule', name).spec.groups.flatMap((group) => group.rules)
  }

  it('link to the runbook where the values say that it is', async () => {
    for (const { alert, annotations } of await rules({}))
      expect(annotations.runbook_url).toBe(`${RUNBOOK}#${alert.toLowerCase()}`)
  })

  it('would be refused with a field that there is not', async () => {
    const objects = await render({ metrics: { prometheusRule: { enabled: true } } })
    const { spec, ...rule } = only<PrometheusRule>(objects, 'PrometheusRule')
    const [group] = spec.groups
    const misspelt = { ...rule, spec: { groups: [{ ...group, rule: group?.rules }] } }
    await expect(accepted([misspelt], 'default')).rejects.toThrow('unknown field "spec.groups[0].rule"')
  })

  it.each(['sluice', 'mesh'])(
    'tell of agents that do not answer, by the job of the PodMonitor: %s',
    async (name) => {
      const down = (await rules({ fullnameOverride: name })).find(({ alert }) => alert === 'SluiceAgentDown')
      expect(down?.expr).toBe(`up{job="default/${name}"} == 0`)
    }
  )
})

interface PrometheusRule extends KubernetesObject {
  readonly spec: { readonly groups: readonly { readonly rules: readonly Rule[] }[] }
}

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
    expect(readFileSync(join(PROJECT, MANIFESTS), 'utf8')).toBe(plainManifests())
  })

  it('are accepted by the API server as they are', async () => {
    const text = readFileSync(join(PROJECT, MANIFESTS), 'utf8')
    const documents = parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject | null)
    const objects = documents.filter((object) => object !== null)
    const [namespace] = objects
    expect(namespace).toMatchObject({ kind: 'Namespace', metadata: { name: 'sluice-system' } })
    // What a dry run would make does not exist for what comes after it.
    const path = '/api/v1/namespaces/sluice-system'
    const there = await scene.api.find(path)
    if (there === undefined) await scene.api.ask('POST', '/api/v1/namespaces', namespace)
    const told = await accepted(objects, 'sluice-system')
    if (there === undefined) await scene.api.ask('DELETE', path)
    expect(told).toHaveLength(objects.length)
    expect(told[0]).toMatch(/^namespace\/sluice-system /)
  })
})
