// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SelectionPolicy } from '../../membership/policy.ts'
import { select } from '../../membership/select.ts'
import { AMBIENT, MODE, POLICY, pod, REDIRECTION } from './asking.ts'

describe('for any pod', () => {
  const values = fc.dictionary(
    fc.oneof(
      fc.constantFrom(AMBIENT, REDIRECTION, MODE, 'app', 'sidecar.istio.io/status', '__proto__'),
      fc.string()
    ),
    fc.oneof(
      fc.constantFrom('true', 'false', 'ambient', 'none', 'disabled', 'ztunnel', 'toString'),
      fc.string()
    )
  )
  const anyPod = fc.record({
    namespace: fc.constantFrom('shop', 'kube-system', 'istio-system', 'sluice'),
    serviceAccount: fc.constantFrom('default', 'ztunnel', 'sluice-agent'),
    labels: values,
    annotations: values,
    hostNetwork: fc.boolean(),
    phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'),
    runtimeClass: fc.option(fc.constantFrom('kata-fc', 'runc'), { nil: undefined })
  })
  const anyNamespace = fc.option(
    fc.record({ name: fc.constant('shop'), labels: values, annotations: values }),
    {
      nil: undefined
    }
  )
  const anyPolicy = fc.boolean().map((allowPodOptOut): SelectionPolicy => ({ ...POLICY, allowPodOptOut }))

  it('selection answers, in one sentence, and keeps the excluded out', () => {
    fc.assert(
      fc.property(anyPod, anyNamespace, anyPolicy, (fields, namespace, policy) => {
        const membership = select(pod(fields), namespace, policy)
        expect(['in', 'out', 'unsupported']).toContain(membership.decision)
        expect(membership.reason).not.toBe('')
        const excluded = policy.excludeNamespaces.includes(fields.namespace)
        const ended = fields.phase === 'Succeeded' || fields.phase === 'Failed'
        if (excluded || fields.hostNetwork || ended) expect(membership.decision).toBe('out')
        if (excluded || fields.hostNetwork) expect(membership.neverHeld).toBe(true)
        if (fields.runtimeClass === 'kata-fc') expect(membership.decision).not.toBe('in')
      })
    )
  })

  it('a pod cannot leave by itself where that is not allowed', () => {
    fc.assert(
      fc.property(anyPod, anyNamespace, (fields, namespace) => {
        const policy = { ...POLICY, allowPodOptOut: false }
        const silent = select(pod({ ...fields, annotations: {}, labels: {} }), namespace, policy)
        const { 'sidecar.istio.io/status': _, ...annotations } = fields.annotations
        const { app: __, ...labels } = fields.labels
        const asked = select(pod({ ...fields, annotations, labels }), namespace, policy)
        if (silent.decision === 'in') expect(asked.decision).toBe('in')
      })
    )
  })

  it('lower levels say nothing once a higher one has spoken', () => {
    const spoken = fc.constantFrom('true', 'false')
    fc.assert(
      fc.property(anyPod, anyNamespace, anyNamespace, spoken, (fields, one, other, value) => {
        const asked = pod({ ...fields, annotations: { ...fields.annotations, [AMBIENT]: value } })
        expect(select(asked, one, POLICY)).toEqual(select(asked, other, POLICY))
      })
    )
  })
})
