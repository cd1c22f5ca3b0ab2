// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'

export interface PodFields {
  readonly name: string
  readonly uid: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly ip?: string
}

/** Block YAML as kubectl and people write it. */
export function podYaml({ name, uid, annotations = {}, ip }: PodFields): string {
  const lines = [
    'apiVersion: v1',
    'kind: Pod',
    'metadata:',
    `  name: ${name}`,
    '  namespace: shop',
    `  uid: ${uid}`
  ]
  lines.push('  labels:', '    app: cart', '  annotations:', '    note: a b')
  for (const [key, value] of Object.entries(annotations)) lines.push(`    ${key}: "${value}"`)
  lines.push('spec:', '  serviceAccountName: cart', '  runtimeClassName: runc')
  if (ip !== undefined) lines.push('status:', '  phase: Running', '  podIPs:', `    - ip: ${ip}`)
  return `${lines.join('\n')}\n`
}

export function namespaceYaml(name: string, label = 'ambient'): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${name}\n  labels:\n    istio.io/dataplane-mode: ${label}\n`
}

export const anyPod = fc.record({
  name: fc.stringMatching(/^[a-z]{3,12}$/),
  uid: fc.uuid(),
  annotations: fc.constantFrom(
    {},
    { 'sluice.mesh/ambient': 'true' },
    { a: 'x', 'sluice.mesh/ambient': 'false' }
  ),
  ip: fc.ipV4()
})

/** A file of a namespace and pods with different names and uids. */
export const anyFile = fc
  .uniqueArray(anyPod, { minLength: 1, maxLength: 3, selector: ({ name }) => name })
  .map((pods) => [namespaceYaml('shop'), ...pods.map(podYaml)].join('---\n'))
