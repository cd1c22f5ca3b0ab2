// SPDX-License-Identifier: Apache-2.0
// What istiod makes of pods and of a PeerAuthentication.

import { create, type Message, toBinary } from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import type { V1Pod } from '@kubernetes/client-node'
import { AddressSchema, AuthorizationSchema } from '#xds'

export interface XdsResource {
  readonly typeUrl: string
  readonly name: string
  readonly value: Uint8Array
}

export const ADDRESS = 'type.googleapis.com/istio.workload.Address'
export const AUTHORIZATION = 'type.googleapis.com/istio.security.Authorization'

const HBONE = 1
const NAMESPACE = 1
const DENY = 1
const REDIRECTION = 'ambient.istio.io/redirection'

function resource<T extends Message>(
  typeUrl: string,
  name: string,
  schema: GenMessage<T>,
  message: T
): XdsResource {
  return { typeUrl, name, value: toBinary(schema, message) }
}

/** The 4 or 16 bytes of an address as the API writes it. */
export function addressBytes(address: string): Uint8Array {
  if (!address.includes(':')) return Uint8Array.from(address.split('.').map(Number))
  const [before = '', after] = address.split('::')
  const words = (text: string) => text.split(':').filter(Boolean)
  const zeros = after === undefined ? 0 : 8 - words(before).length - words(after).length
  const all = [...words(before), ...Array.from({ length: zeros }, () => '0'), ...words(after ?? '')]
  return Uint8Array.from(
    all.flatMap((word) => [Number.parseInt(word, 16) >> 8, Number.parseInt(word, 16) & 255])
  )
}

export function workloadName({ metadata }: V1Pod): string {
  return `Kubernetes//Pod/${metadata?.namespace}/${metadata?.name}`
}

/** Undefined: ztunnel has nothing to know of it (yet). */
export function workload(pod: V1Pod): XdsResource | undefined {
  const { metadata, spec, status } = pod
  const addresses = (status?.podIPs ?? []).map(({ ip }) => addressBytes(ip))
  const over = status?.phase === 'Succeeded' || status?.phase === 'Failed'
  if (addresses.length === 0 || over || spec?.hostNetwork) return undefined
  const { name = '', namespace = '', annotations = {} } = metadata ?? {}
  const uid = workloadName(pod)
  const described = {
    uid,
    name,
    namespace,
    addresses,
    tunnelProtocol: annotations[REDIRECTION] === 'enabled' ? HBONE : 0,
    trustDomain: 'cluster.local',
    serviceAccount: spec?.serviceAccountName ?? 'default',
    node: spec?.nodeName ?? '',
    workloadName: name,
    clusterId: 'Kubernetes'
  }
  const address = create(AddressSchema, { type: { case: 'workload', value: described as never } })
  return resource(ADDRESS, uid, AddressSchema, address)
}

/** Connections without a certificate are denied in the pods of a namespace. */
export function strictPolicy(namespace: string): XdsResource {
  const notPrincipals = [{ matchType: { case: 'presence', value: {} } }]
  const rules = [{ clauses: [{ matches: [{ notPrincipals }] }] }]
  const policy = { name: 'strict', namespace, scope: NAMESPACE, action: DENY, rules }
  const message = create(AuthorizationSchema, policy as never)
  return resource(AUTHORIZATION, `${namespace}/strict`, AuthorizationSchema, message)
}
