// SPDX-License-Identifier: Apache-2.0
// The fields of Kubernetes objects that Sluice needs; all others are let through unread.

import { isIP } from 'node:net'
import * as z from 'zod'
import type { Namespace, Pod } from '../pods/pod.ts'
import { containersSchema, probePorts } from './probe-ports.ts'

const text = z.string().min(1, { error: 'must not be empty' })
const address = z.string().refine((ip) => ip === '' || isIP(ip) !== 0, { error: 'is not an IP address' })

// Kubernetes reads an explicit null as absent.
const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined)
const strings = optional(z.record(z.string(), z.string())).transform((values) => values ?? {})

const v1 = z.literal('v1', { error: 'expected v1' })

export const namespaceSchema = z.object({
  apiVersion: v1,
  metadata: z.object({ name: text, labels: strings, annotations: strings })
})

export const podSchema = z.object({
  apiVersion: v1,
  metadata: z.object({
    name: text,
    namespace: optional(text),
    uid: optional(text),
    resourceVersion: optional(z.string()),
    labels: strings,
    annotations: strings
  }),
  spec: optional(
    z.object({
      serviceAccountName: optional(z.string()),
      hostNetwork: optional(z.boolean()),
      runtimeClassName: optional(text),
      containers: containersSchema,
      initContainers: containersSchema
    })
  ),
  status: optional(
    z.object({
      phase: optional(z.enum(['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'])),
      podIP: optional(address),
      podIPs: optional(z.array(z.object({ ip: address })))
    })
  )
})

export const listSchema = z.object({ items: z.array(z.unknown()) })

/** kubelet's hash of a static pod's manifest, which names its cgroup, and the mark of its copy in the API. */
const HASH_ANNOTATION = 'kubernetes.io/config.hash'
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror'

/**
 * As the API server makes uids. Whoever may make pods may call one a mirror, and write any hash: taken for a uid it
 * would be another pod's, whose place in the mesh this object would then decide.
 */
const API_UID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Undefined: nothing tells the pod's uid. A mirror pod's own uid is the API's, not that of its cgroup. */
export function podOf(
  { metadata, spec, status }: z.infer<typeof podSchema>,
  origin: string
): Pod | undefined {
  const hash = metadata.annotations[HASH_ANNOTATION]
  const mirror = metadata.annotations[MIRROR_ANNOTATION] !== undefined && !API_UID.test(hash ?? '')
  const uid = mirror ? (hash ?? metadata.uid) : (metadata.uid ?? hash)
  if (uid === undefined || uid === '') return undefined
  const listed = (status?.podIPs ?? []).map(({ ip }) => ip)
  return {
    uid,
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    serviceAccount: spec?.serviceAccountName || 'default',
    labels: metadata.labels,
    annotations: metadata.annotations,
    hostNetwork: spec?.hostNetwork ?? false,
    ips: (listed.length > 0 ? listed : [status?.podIP ?? '']).filter((ip) => ip !== ''),
    phase: status?.phase ?? 'Unknown',
    runtimeClass: spec?.runtimeClassName,
    probePorts: probePorts([...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]),
    resourceVersion: metadata.resourceVersion,
    origin
  }
}

export function namespaceOf({ metadata }: z.infer<typeof namespaceSchema>): Namespace {
  return { name: metadata.name, labels: metadata.labels, annotations: metadata.annotations }
}

/** One sentence for each field at fault: `metadata.name: expected string but received number`. */
export function fieldProblems(error: z.ZodError, value: unknown): string {
  return error.issues.map((issue) => `${fieldName(issue.path)}: ${issueText(issue, value)}`).join('; ')
}

function fieldName(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'document'
  return path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

function issueText(issue: z.core.$ZodIssue, value: unknown): string {
  const received = issue.path.reduce<unknown>(
    (at, key) => (isMapping(at) ? at[String(key)] : undefined),
    value
  )
  if (issue.code === 'invalid_value') {
    return issue.values.length > 1 ? `expected one of ${issue.values.join(', ')}` : issue.message
  }
  if (issue.code !== 'invalid_type') return issue.message
  if (received === undefined) return `expected ${issue.expected} but it is missing`
  const scalar =
    issue.expected === 'string' && (typeof received === 'number' || typeof received === 'boolean')
  return `expected ${issue.expected} but received ${typeName(received)}${scalar ? ' (put it in quotes)' : ''}`
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
