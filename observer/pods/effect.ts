// SPDX-License-Identifier: Apache-2.0
// What the state machine hears and what it asks for. Plain data: nothing here touches the node.

import type { Membership, WarningKind } from '../membership/membership.ts'
import type { Condition } from './condition.ts'
import type { Pod } from './pod.ts'
import type { PodCgroup, Verdict } from './state.ts'

/** Its cgroup, from an event or a scan, and what the kernel map says of it at that moment. */
export interface CgroupFound {
  readonly kind: 'cgroup-found'
  readonly cgroup: PodCgroup
  readonly verdict: Verdict
  readonly netns: bigint | undefined
  /** A listener lookup of an earlier enrolment is attached in its network namespace. */
  readonly prepared: boolean
}

export type Input =
  /** The source names the pod, or its membership changed. */
  | { readonly kind: 'judged'; readonly pod: Pod; readonly membership: Membership }
  /** No pod is in the mesh any more. */
  | { readonly kind: 'retired' }
  /** The source no longer lists it. */
  | { readonly kind: 'unlisted' }
  | CgroupFound
  | { readonly kind: 'cgroup-gone' }
  /** A process of the pod was seen in this network namespace for the first time. */
  | { readonly kind: 'netns-seen'; readonly netns: bigint }
  | { readonly kind: 'located'; readonly netns: bigint | undefined; readonly epoch: number }
  | { readonly kind: 'enrolled'; readonly epoch: number }
  | {
      readonly kind: 'enrol-failed'
      readonly error: string
      readonly epoch: number
      /** istio-cni's rules are in the pod: it was left as it is. */
      readonly capturedByIstio?: boolean
    }
  | { readonly kind: 'left'; readonly epoch: number }
  | { readonly kind: 'leave-failed'; readonly error: string; readonly epoch: number }
  | { readonly kind: 'retry'; readonly epoch: number }
  /** It is as it should be. */
  | { readonly kind: 'verified' }
  /** What a verification found that it cannot mend. */
  | { readonly kind: 'inspected'; readonly conditions: readonly Condition[] }
  /** The hold warning's time has passed. */
  | { readonly kind: 'overdue'; readonly epoch: number }

export type Announcement =
  | 'joined'
  | 'left'
  | 'failed'
  /** It was to leave, and something of the mesh is in it still. */
  | 'stays'
  | 'unjudged'
  | WarningKind
  | 'observed'
  /** It was asked for, and its sockets are not this kernel's. */
  | 'unsupported'
  /** Something is not as it should be with a steered pod. */
  | 'condition'

export type Effect =
  /** Find the pod's network namespace among its processes; answered by `located`. */
  | { readonly do: 'locate'; readonly epoch: number }
  /** Write the verdict to the kernel maps. */
  | { readonly do: 'judge'; readonly verdict: Verdict }
  /** Prepare the namespace, hand it to ztunnel, steer; answered by `enrolled` or `enrol-failed`. */
  | { readonly do: 'enrol'; readonly epoch: number }
  /** Stop steering, let proxied connections end, take the namespace back; answered by `left` or `leave-failed`. */
  | { readonly do: 'leave'; readonly epoch: number }
  /** Drop every map entry, link and handle of what the pod was. */
  | { readonly do: 'forget'; readonly cgroup: bigint | undefined; readonly netns: bigint | undefined }
  | { readonly do: 'retry-later'; readonly delayMs: number; readonly epoch: number }
  /** Answered by `overdue`. */
  | { readonly do: 'watch-hold'; readonly epoch: number }
  | { readonly do: 'announce'; readonly what: Announcement; readonly message: string }
