// SPDX-License-Identifier: Apache-2.0

import type { Traits } from './traits.ts'

/** Which sentence of the selection table decided. */
export type DecidedBy =
  | 'host-network'
  | 'sidecar'
  | 'ztunnel'
  | 'agent'
  | 'excluded-namespace'
  | 'runtime-class'
  | 'pod-annotation'
  | 'pod-label'
  | 'namespace-annotation'
  | 'namespace-label'
  | 'default'
  | 'completed'
  | 'uninstall'

export type WarningKind = 'invalid-value' | 'conflict' | 'opt-out-not-allowed' | 'not-supported'

export interface MembershipWarning {
  readonly kind: WarningKind
  /** The annotation or label at fault. */
  readonly key: string
  readonly value: string
  /** A sentence for the Event and the log. */
  readonly message: string
}

export interface Membership {
  /**
   * `unsupported`: asked for, but its sockets are not this kernel's (gVisor, Kata). `observed`: would be in, but
   * the agent only observes.
   */
  readonly decision: 'in' | 'out' | 'unsupported' | 'observed'
  readonly decidedBy: DecidedBy
  /** A short reason that `sluice status` shows. */
  readonly reason: string
  readonly warnings: readonly MembershipWarning[]
  /** How a pod of the mesh is captured. */
  readonly traits: Traits
  /** The pod is ztunnel or another component whose sockets must never be held. */
  readonly neverHeld: boolean
}
