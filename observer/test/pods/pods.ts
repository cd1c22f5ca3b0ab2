// SPDX-License-Identifier: Apache-2.0
import type { Membership } from '../../membership/membership.ts'
import { NO_TRAITS } from '../../membership/traits.ts'
import type { Pod } from '../../pods/pod.ts'
import { type PodCgroup, type PodState, unseen } from '../../pods/state.ts'

export const NETNS = 4026n
export const STRICT = { now: 1_000, strict: true }
export const LENIENT = { now: 1_000, strict: false }

export function pod(change: Partial<Pod> = {}): Pod {
  return {
    uid: 'u1',
    namespace: 'shop',
    name: 'cart',
    serviceAccount: 'default',
    labels: {},
    annotations: {},
    hostNetwork: false,
    ips: [],
    phase: 'Running',
    runtimeClass: undefined,
    probePorts: [],
    origin: 'test',
    ...change
  }
}

export function membership(decision: Membership['decision'], change: Partial<Membership> = {}): Membership {
  return {
    decision,
    decidedBy: 'pod-annotation',
    reason: `it is ${decision}`,
    warnings: [],
    neverHeld: false,
    traits: NO_TRAITS,
    ...change
  }
}

export function cgroup(id = 101n, uid = 'u1'): PodCgroup {
  return { id, path: `/cg/kubepods/pod${uid}`, level: 2, uid }
}

export function podState(change: Partial<PodState> = {}): PodState {
  return { ...unseen('u1', 0), listed: change.membership !== undefined, ...change }
}
