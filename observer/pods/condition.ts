// SPDX-License-Identifier: Apache-2.0
// What is not as it should be with a pod that is steered all the same, and what to do about it.

export const CONDITIONS = ['partial', 'routing', 'istio-rules', 'probes', 'addresses'] as const

/**
 * - `partial`: the pod forwards packets or rewrites destinations: such traffic has no socket here
 * - `routing`: a routing rule or route of the pod's own meets ours, or its firewall changes marks
 * - `istio-rules`: what istio-cni wrote into the pod is there still
 * - `probes`: the kubelet's address is translated on the way, so its probes are not exempt
 * - `addresses`: the pod has more than the hooks are told of
 */
export type ConditionKind = (typeof CONDITIONS)[number]

export interface Condition {
  readonly kind: ConditionKind
  /** What was found, and the remedy where there is one. */
  readonly message: string
}
