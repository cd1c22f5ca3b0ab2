// SPDX-License-Identifier: Apache-2.0
// values-schema.ts: prints values.schema.json. What `config` may hold is read off the agent's own schema.
import { SETTINGS, type Setting } from '../../observer/config/settings.ts'

type Schema = Readonly<Record<string, unknown>>

/** Settings that the chart derives from other values, or that mean nothing in a pod. */
const NOT_IN_CONFIG = [
  'mode',
  'source',
  'bpffs',
  'controlSocket',
  'manifest.directory',
  'metrics.address',
  'zds.socket',
  'ztunnel.cgroup',
  'kubernetes.'
]

const TYPES: Readonly<Record<Setting['kind'], Schema>> = {
  boolean: { type: 'boolean' },
  number: { type: 'integer' },
  list: { type: 'array', items: { type: 'string' } },
  text: { type: 'string' }
}

const text = { type: 'string' }
const flag = { type: 'boolean' }
const count = { type: 'integer', minimum: 1 }
const labels = { type: 'object', additionalProperties: text }
/** Taken over into the manifest, where the API server checks it. */
const free = { type: 'object' }
const absolute = { type: 'string', pattern: '^/' }
const tolerations = { type: 'array', items: free }

function closed(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', additionalProperties: false, properties }
}

function choice(...values: string[]): Schema {
  return { type: 'string', enum: values }
}

interface Group {
  [name: string]: Group | Setting
}

function configSchema(): Schema {
  const root: Group = {}
  for (const setting of SETTINGS) {
    if (NOT_IN_CONFIG.some((key) => (key.endsWith('.') ? setting.key.startsWith(key) : setting.key === key)))
      continue
    const path = setting.key.split('.')
    const name = path.pop() ?? ''
    let group = root
    for (const part of path) {
      group[part] ??= {}
      group = group[part] as Group
    }
    group[name] = setting
  }
  return groupSchema(root)
}

function groupSchema(group: Group): Schema {
  return closed(
    Object.fromEntries(
      Object.entries(group).map(([name, entry]) => [
        name,
        isSetting(entry) ? settingSchema(entry) : groupSchema(entry)
      ])
    )
  )
}

function isSetting(entry: Group | Setting): entry is Setting {
  return typeof entry.key === 'string'
}

function settingSchema({ kind, description, accepted }: Setting): Schema {
  const choices = /^one of (.+)$/.exec(accepted)?.[1]?.split(', ')
  const type = choices === undefined ? TYPES[kind] : choice(...choices)
  return { ...type, description: `${description} ${accepted[0]?.toUpperCase()}${accepted.slice(1)}.` }
}

const values = closed({
  global: free,
  image: closed({
    repository: { type: 'string', minLength: 1 },
    tag: text,
    digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
    pullPolicy: choice('Always', 'IfNotPresent', 'Never')
  }),
  imagePullSecrets: { type: 'array', items: closed({ name: text }) },
  mode: choice('enforce', 'observe'),
  config: configSchema(),
  fullnameOverride: text,
  serviceAccount: closed({ name: text, annotations: labels }),
  podLabels: labels,
  podAnnotations: labels,
  nodeSelector: labels,
  affinity: free,
  tolerations,
  priorityClassName: text,
  resources: closed({ requests: free, limits: free }),
  maxUnavailable: { anyOf: [count, { type: 'string', pattern: '^[1-9][0-9]?%$|^100%$' }] },
  terminationGracePeriodSeconds: count,
  security: closed({
    appArmorProfile: choice('Unconfined', 'RuntimeDefault'),
    seccompProfile: choice('RuntimeDefault', 'Unconfined'),
    seLinuxOptions: closed({ user: text, role: text, type: text, level: text })
  }),
  paths: closed({ bpffs: absolute, cgroup: absolute, ztunnel: absolute }),
  metrics: closed({
    address: { type: 'string', pattern: '^([0-9.]+|\\[[0-9a-f:]+\\]):[0-9]+$' },
    podMonitor: closed({
      enabled: flag,
      interval: { type: 'string', pattern: '^[0-9]+(ms|s|m|h)$' },
      labels
    }),
    prometheusRule: closed({
      enabled: flag,
      labels,
      runbook: { type: 'string', pattern: '^(https?://[^#]+)?$' }
    }),
    dashboard: closed({ enabled: flag, labels })
  }),
  istio: closed({ untaint: flag }),
  resourceQuota: closed({ enabled: flag, pods: count }),
  uninstall: closed({ hook: flag, timeoutSeconds: count, tolerations })
})

const schema = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Values of the chart', ...values }
console.log(JSON.stringify(schema, null, 2))
