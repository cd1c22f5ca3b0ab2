// SPDX-License-Identifier: Apache-2.0
// A policy, and pods that ask for this and that.

import type { SelectionPolicy } from '../../membership/policy.ts'
import type { Namespace, Pod } from '../../pods/pod.ts'

export const POLICY: SelectionPolicy = {
  excludeNamespaces: ['kube-system', 'cni'],
  allowPodOptOut: true,
  dnsCapture: true,
  ztunnel: { namespace: 'istio-system', serviceAccount: 'ztunnel' },
  agent: { namespace: 'sluice', serviceAccount: 'sluice-agent' },
  unsupportedRuntimeClasses: ['gvisor', 'runsc', 'kata']
}
export const STRICT: SelectionPolicy = { ...POLICY, allowPodOptOut: false }

export const AMBIENT = 'sluice.mesh/ambient'
export const REDIRECTION = 'ambient.istio.io/redirection'
export const MODE = 'istio.io/dataplane-mode'
export const IN: Namespace = { name: 'shop', labels: { [MODE]: 'ambient' }, annotations: {} }

export function pod(fields: Partial<Pod> = {}): Pod {
  const nothing = { labels: {}, annotations: {}, hostNetwork: false, ips: [], runtimeClass: undefined }
  const names = { uid: 'u', namespace: 'shop', name: 'cart', serviceAccount: 'default', origin: 'cart.yaml' }
  return { ...nothing, ...names, phase: 'Running', probePorts: [], ...fields }
}
