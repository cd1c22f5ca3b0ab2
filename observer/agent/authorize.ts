// SPDX-License-Identifier: Apache-2.0

import type { Config } from '../config/schema.ts'
import type { SelectionPolicy } from '../membership/policy.ts'
import { isZtunnel } from '../membership/select.ts'
import type { Roster } from '../pods/roster.ts'
import type { Kubepods } from '../processes/kubepods.ts'
import { type Authorize, createAuthorize } from '../ztunnel/identity.ts'
import type { Node } from './node.ts'

export interface AuthorizeParts {
  readonly config: Config
  readonly policy: SelectionPolicy
  readonly node: Node
  readonly kubepods: Pick<Kubepods, 'podOf'>
  readonly roster: Pick<Roster, 'find' | 'synced'>
}

/** Whom the agent takes for ztunnel. A peer waits until the source has told all pods: one of them may be it. */
export function agentAuthorize({ config, policy, node, kubepods, roster }: AuthorizeParts): Authorize {
  const decide = createAuthorize({
    cgroup2: node.cgroup2,
    podOf: (path) => kubepods.podOf(path),
    isZtunnelPod: (uid) => {
      const pod = roster.find(uid)?.pod
      return pod !== undefined && isZtunnel(pod, policy)
    },
    ztunnelCgroup: config.ztunnel.cgroup
  })
  return async (peer) => {
    if (config.ztunnel.cgroup === undefined) await roster.synced
    return decide(peer)
  }
}
