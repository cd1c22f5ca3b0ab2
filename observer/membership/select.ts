// SPDX-License-Identifier: Apache-2.0
// Who is in the mesh: the table of docs/design.md, highest first; the first that speaks decides.

import type { Namespace, Pod } from '../pods/pod.ts'
import type { DecidedBy, Membership } from './membership.ts'
import type { ComponentIdentity, SelectionPolicy } from './policy.ts'
import { traitsOf, unheededAnnotations } from './traits.ts'
import type { Wish } from './wish.ts'
import { ambientAnnotation, dataplaneModeLabel, podAnnotations, podLabel, said } from './wish.ts'

const SIDECAR_ANNOTATION = 'sidecar.istio.io/status'

/**
 * Decides whether a pod is in the mesh.
 * @param namespace undefined: not known, which is the same as one without labels and annotations
 */
export function select(pod: Pod, namespace: Namespace | undefined, policy: SelectionPolicy): Membership {
  const held = { neverHeld: isNeverHeld(pod, policy), traits: traitsOf(pod, policy.dnsCapture) }
  const excluded = exclusion(pod, policy)
  if (excluded !== undefined) return { decision: 'out', ...excluded, warnings: [], ...held }
  const asked = wished(pod, namespace, policy)
  if (asked.decision === 'in' && pod.runtimeClass !== undefined && isUnsupported(pod.runtimeClass, policy)) {
    const reason = `runtime class ${pod.runtimeClass}: its sockets are not this kernel's`
    return { ...asked, decision: 'unsupported', decidedBy: 'runtime-class', reason, ...held }
  }
  const unheeded = asked.decision === 'in' ? unheededAnnotations(pod) : []
  return { ...asked, ...held, warnings: [...asked.warnings, ...unheeded] }
}

/** ztunnel itself: the label counts only in ztunnel's namespace and with its service account. */
export function isZtunnel(pod: Pod, policy: SelectionPolicy): boolean {
  return pod.labels.app === 'ztunnel' && runsAs(pod, policy.ztunnel)
}

function isAgent(pod: Pod, policy: SelectionPolicy): boolean {
  return policy.agent !== undefined && runsAs(pod, policy.agent)
}

function runsAs(pod: Pod, identity: ComponentIdentity): boolean {
  return pod.namespace === identity.namespace && pod.serviceAccount === identity.serviceAccount
}

// ztunnel's namespace is istiod's as well: ztunnel takes pods from us only after istiod has answered it.
function isNeverHeld(pod: Pod, policy: SelectionPolicy): boolean {
  const spared = [policy.ztunnel.namespace, ...policy.excludeNamespaces]
  return pod.hostNetwork || isAgent(pod, policy) || spared.includes(pod.namespace)
}

function exclusion(pod: Pod, policy: SelectionPolicy): { decidedBy: DecidedBy; reason: string } | undefined {
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') {
    return { decidedBy: 'completed', reason: `the pod has ended (${pod.phase})` }
  }
  if (pod.hostNetwork)
    return { decidedBy: 'host-network', reason: "it uses the node's network (hostNetwork)" }
  if (Object.hasOwn(pod.annotations, SIDECAR_ANNOTATION)) {
    return { decidedBy: 'sidecar', reason: 'it has an Istio sidecar' }
  }
  if (isZtunnel(pod, policy)) return { decidedBy: 'ztunnel', reason: 'it is ztunnel' }
  if (isAgent(pod, policy)) return { decidedBy: 'agent', reason: 'it is the Sluice agent' }
  if (policy.excludeNamespaces.includes(pod.namespace)) {
    return { decidedBy: 'excluded-namespace', reason: `namespace ${pod.namespace} is excluded` }
  }
  return undefined
}

function isUnsupported(runtimeClass: string, policy: SelectionPolicy): boolean {
  return policy.unsupportedRuntimeClasses.some(
    (entry) => runtimeClass === entry || runtimeClass.startsWith(`${entry}-`)
  )
}

function wished(
  pod: Pod,
  namespace: Namespace | undefined,
  policy: SelectionPolicy
): Omit<Membership, 'neverHeld' | 'traits'> {
  const levels: readonly [DecidedBy, string, () => Wish][] = [
    ['pod-annotation', 'pod annotation', () => podAnnotations(pod.annotations, policy.allowPodOptOut)],
    ['pod-label', 'pod label', () => podLabel(pod.labels, policy.allowPodOptOut)],
    ['namespace-annotation', 'namespace annotation', () => ambientAnnotation(namespace?.annotations ?? {})],
    ['namespace-label', 'namespace label', () => dataplaneModeLabel(namespace?.labels ?? {})]
  ]
  const warnings: Membership['warnings'][number][] = []
  for (const [decidedBy, level, ask] of levels) {
    const wish = ask()
    warnings.push(...wish.warnings)
    if (wish.wants !== undefined) {
      return { decision: wish.wants, decidedBy, reason: `${level} ${said(wish)}`, warnings }
    }
  }
  return { decision: 'out', decidedBy: 'default', reason: 'nothing asks for the mesh', warnings }
}
