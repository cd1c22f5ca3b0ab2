// SPDX-License-Identifier: Apache-2.0
// JSON of the API server to pods and namespaces. Pure; never throws.

import type * as z from 'zod'
import { SluiceError } from '../../errors/error.ts'
import type { Namespace, Pod } from '../../pods/pod.ts'
import { fieldProblems, isMapping, namespaceOf, namespaceSchema, podOf, podSchema } from '../schema.ts'
import { type Decoded, METADATA_ONLY, type Resource } from './resource.ts'

/** The pods of one node. */
export function podsOf(nodeName: string): Resource<Pod> {
  return {
    name: 'pods',
    path: '/api/v1/pods',
    fieldSelector: `spec.nodeName=${nodeName}`,
    decode: decodePod
  }
}

export const NAMESPACES: Resource<Namespace> = {
  name: 'namespaces',
  path: '/api/v1/namespaces',
  accept: METADATA_ONLY,
  decode: decodeNamespace
}

export function podPath({ namespace, name }: Pick<Pod, 'namespace' | 'name'>): string {
  return `/api/v1/namespaces/${namespace}/pods/${name}`
}

export function decodePod(json: unknown): Decoded<Pod> {
  const { namespace, name, creationTimestamp: created = '' } = metadataOf(json)
  const origin = podPath({ namespace: String(namespace), name: String(name) })
  const { success, data, error } = podSchema.safeParse(asV1(json))
  if (!success) return unusable(origin, error, json)
  const value = podOf(data, origin)
  if (value === undefined) return problem(origin, 'metadata.uid: expected string but it is missing')
  const version = value.resourceVersion ?? ''
  return { kind: 'object', object: { origin, uid: value.uid, version, created: String(created), value } }
}

export function decodeNamespace(json: unknown): Decoded<Namespace> {
  const { name, uid, resourceVersion: version, creationTimestamp: created = '' } = metadataOf(json)
  const origin = `/api/v1/namespaces/${String(name)}`
  const { success, data, error } = namespaceSchema.safeParse(asV1(json))
  if (!success) return unusable(origin, error, json)
  const identity = { uid: String(uid), version: String(version), created: String(created) }
  return { kind: 'object', object: { origin, ...identity, value: namespaceOf(data) } }
}

/** The items of a list name no version, and those of metadata alone another group's. */
function asV1(json: unknown): unknown {
  return isMapping(json) ? { ...json, apiVersion: 'v1' } : json
}

function metadataOf(json: unknown): Record<string, unknown> {
  return isMapping(json) && isMapping(json.metadata) ? json.metadata : {}
}

function unusable(origin: string, error: z.ZodError, json: unknown): Decoded<never> {
  return problem(origin, fieldProblems(error, json))
}

function problem(origin: string, problems: string): Decoded<never> {
  return {
    kind: 'problem',
    origin,
    error: new SluiceError('SLUICE_ERR_KUBERNETES_OBJECT', { origin, problems })
  }
}
