// SPDX-License-Identifier: Apache-2.0

import type { Config } from '../config/schema.ts'
import type { Membership } from '../membership/membership.ts'
import { observed } from '../membership/observed.ts'
import type { ComponentIdentity, SelectionPolicy } from '../membership/policy.ts'
import { select } from '../membership/select.ts'
import type { Namespace, Pod } from '../pods/pod.ts'

export function selectionPolicy(
  { excludeNamespaces, allowPodOptOut, dnsCapture, ztunnel, unsupportedRuntimeClasses }: Config,
  agent: ComponentIdentity | undefined
): SelectionPolicy {
  const { namespace, serviceAccount } = ztunnel
  return {
    excludeNamespaces,
    allowPodOptOut,
    dnsCapture,
    ztunnel: { namespace, serviceAccount },
    agent,
    unsupportedRuntimeClasses
  }
}

/** Who is in the mesh; where the agent only observes, who would be. */
export function selection({ mode }: Pick<Config, 'mode'>, policy: SelectionPolicy) {
  return (pod: Pod, namespace: Namespace | undefined): Membership => {
    const membership = select(pod, namespace, policy)
    return mode === 'observe' ? observed(membership) : membership
  }
}
