// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { select } from '../../../membership/select.ts'
import type { Pod } from '../../../pods/pod.ts'
import { decodeNamespace, decodePod } from '../../../sources/kubernetes/decode.ts'
import { namespaceObject, podObject } from '../../kubernetes/objects.ts'

function podOf(json: unknown): Pod {
  const decoded = decodePod(json)
  if (decoded.kind === 'problem') throw decoded.error
  return decoded.object.value
}

describe('a pod of the API server', () => {
  it('is what the observer knows of pods', () => {
    const labels = { app: 'cart' }
    const creationTimestamp = '2026-01-02T03:04:05Z'
    expect(
      decodePod(
        podObject('cart', { resourceVersion: '7', creationTimestamp, labels }, { serviceAccountName: 'till' })
      )
    ).toEqual({
      kind: 'object',
      object: {
        origin: '/api/v1/namespaces/shop/pods/cart',
        uid: 'uid-cart',
        version: '7',
        created: creationTimestamp,
        value: {
          uid: 'uid-cart',
          namespace: 'shop',
          name: 'cart',
          serviceAccount: 'till',
          labels,
          annotations: {},
          hostNetwork: false,
          ips: ['10.0.0.7', 'fd00::7'],
          phase: 'Running',
          runtimeClass: undefined,
          probePorts: [],
          resourceVersion: '7',
          origin: '/api/v1/namespaces/shop/pods/cart'
        }
      }
    })
  })

  it('is the same from a watch, which names its version, and from a list, which does not', () => {
    const item = podObject('cart', { resourceVersion: '7' })
    expect(decodePod({ ...item, apiVersion: 'v1', kind: 'Pod' })).toEqual(decodePod(item))
  })

  it('that the kubelet made of a file has the uid that its cgroup is named by', () => {
    const annotations = { 'kubernetes.io/config.hash': 'abc', 'kubernetes.io/config.mirror': 'abc' }
    expect(podOf(podObject('etcd-n1', { annotations })).uid).toBe('abc')
  })

  it.each(['gvisor', 'runsc', 'kata', 'kata-qemu'])(
    'of runtime class %s is unsupported, never in',
    (runtimeClassName) => {
      const pod = podOf(
        podObject('cart', { annotations: { 'sluice.mesh/ambient': 'true' } }, { runtimeClassName })
      )
      const policy = {
        excludeNamespaces: [],
        allowPodOptOut: true,
        ztunnel: { namespace: 'istio-system', serviceAccount: 'ztunnel' },
        dnsCapture: true,
        unsupportedRuntimeClasses: ['gvisor', 'runsc', 'kata']
      }
      expect(select(pod, undefined, policy)).toMatchObject({
        decision: 'unsupported',
        decidedBy: 'runtime-class'
      })
    }
  )

  it.each([
    ['not scheduled yet', { status: { phase: 'Pending' } }, { ips: [], phase: 'Pending' }],
    ['without a status', { status: undefined }, { ips: [], phase: 'Unknown' }],
    ['of one address', { status: { phase: 'Running', podIP: '10.0.0.9' } }, { ips: ['10.0.0.9'] }],
    ['that has ended', { status: { phase: 'Succeeded' } }, { phase: 'Succeeded' }],
    ["on the node's network", { spec: { hostNetwork: true } }, { hostNetwork: true }],
    ['without an account', { spec: {} }, { serviceAccount: 'default' }]
  ])('%s', (_, change, expected) => {
    expect(podOf({ ...podObject('cart'), ...change })).toMatchObject(expected)
  })

  it('that cannot be read is a problem at its address', () => {
    expect(decodePod(podObject('cart', {}, { hostNetwork: 'yes' }))).toMatchObject({
      kind: 'problem',
      origin: '/api/v1/namespaces/shop/pods/cart',
      error: { code: 'SLUICE_ERR_KUBERNETES_OBJECT', message: expect.stringContaining('spec.hostNetwork') }
    })
  })
})

describe('a namespace', () => {
  it('is known by its metadata alone', () => {
    const labels = { 'istio.io/dataplane-mode': 'ambient' }
    const partial = {
      ...namespaceObject('shop', labels),
      apiVersion: 'meta.k8s.io/v1',
      kind: 'PartialObjectMetadata'
    }
    expect(decodeNamespace(partial)).toMatchObject({
      kind: 'object',
      object: { uid: 'uid-shop', value: { name: 'shop', labels, annotations: {} } }
    })
  })
})

it.each([
  ['decodePod', decodePod],
  ['decodeNamespace', decodeNamespace]
])('%s throws at nothing', (_, decode) => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true }), (value) => {
      expect(['object', 'problem']).toContain(decode(value).kind)
    })
  )
  const record = fc.record(
    { metadata: fc.anything(), spec: fc.anything(), status: fc.anything() },
    { requiredKeys: [] }
  )
  fc.assert(
    fc.property(record, (value) => {
      expect(['object', 'problem']).toContain(decode(value).kind)
    })
  )
})
