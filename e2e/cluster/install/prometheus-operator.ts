// SPDX-License-Identifier: Apache-2.0
// What Prometheus Operator defines, as far as the chart uses it: the API server then refuses any other field.

import type { KubernetesObject } from '@kubernetes/client-node'
import type { Api } from '../kube/api.ts'
import { until } from '../kube/until.ts'

const GROUP = 'monitoring.coreos.com'
const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

const text = { type: 'string' }
const duration = { type: 'string', pattern: '^(0|([0-9]+(ms|s|m|h|d|w|y))+)$' }
const labels = { type: 'object', additionalProperties: text }

function list(items: object): object {
  return { type: 'array', items }
}

function object(properties: Readonly<Record<string, object>>, required: readonly string[] = []): object {
  return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) }
}

const relabeling = object({ sourceLabels: list(text), targetLabel: text })
const endpoint = object({ port: text, interval: duration, relabelings: list(relabeling) })
const rule = object({ alert: text, expr: text, for: duration, labels, annotations: labels }, ['expr'])
const group = object({ name: { type: 'string', minLength: 1 }, rules: list(rule) }, ['name'])

const KINDS = [
  {
    kind: 'PodMonitor',
    plural: 'podmonitors',
    spec: object({ selector: object({ matchLabels: labels }), podMetricsEndpoints: list(endpoint) }, [
      'selector'
    ])
  },
  { kind: 'PrometheusRule', plural: 'prometheusrules', spec: object({ groups: list(group) }) }
]

function definition({ kind, plural, spec }: (typeof KINDS)[number]): object {
  const schema = { openAPIV3Schema: object({ spec }, ['spec']) }
  return {
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v1', served: true, storage: true, schema }]
    }
  }
}

interface Definition extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

/** Defines what is not defined yet. @returns takes that back */
export async function definePrometheusOperator(api: Api): Promise<() => Promise<void>> {
  const made: string[] = []
  for (const each of KINDS) {
    const path = `${DEFINITIONS}/${each.plural}.${GROUP}`
    if ((await api.find(path)) !== undefined) continue
    await api.ask('POST', DEFINITIONS, definition(each))
    made.push(path)
    await until(
      `${each.kind} is established`,
      () => api.ask<Definition>('GET', path),
      ({ status }) =>
        status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false
    )
  }
  return async () => {
    for (const path of made) await api.ask('DELETE', path)
  }
}
