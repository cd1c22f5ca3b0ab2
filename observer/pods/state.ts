// SPDX-License-Identifier: Apache-2.0

import type { Membership } from '../membership/membership.ts'
import type { Condition } from './condition.ts'
import type { Pod, PodUid } from './pod.ts'

/** The pod-level cgroup: all containers of the pod lie below it. */
export interface PodCgroup {
  readonly id: bigint
  readonly path: string
  /** 0 is the cgroup2 root. */
  readonly level: number
  readonly uid: PodUid
}

/**
 * Where a pod is in its life:
 * - `known`: its cgroup or its object is there, not both, or the source has not judged it
 * - `outside`: not in the mesh; its connections pass
 * - `held`: new and in the mesh; refused until enrolled
 * - `joining`: running and in the mesh; passes until enrolled
 * - `enrolled`: steered
 * - `verified`: steered, and compared with the kernel since
 * - `leaving`: no longer steered; its proxied connections may end
 * - `failed`: enrolment failed and is tried again; held or passing as before
 */
export type Phase = 'known' | 'outside' | 'held' | 'joining' | 'enrolled' | 'verified' | 'leaving' | 'failed'

/** What the kernel maps say of the pod. `none`: there is no entry. */
export type Verdict = 'none' | 'pass' | 'unknown' | 'held' | 'steer' | 'observe'

export interface PodState {
  readonly uid: PodUid
  readonly phase: Phase
  readonly verdict: Verdict
  readonly pod: Pod | undefined
  readonly membership: Membership | undefined
  /** The source names the pod still. One that it names no more stays as it was judged until its cgroup is gone. */
  readonly listed: boolean
  readonly cgroup: PodCgroup | undefined
  /** Cookie of the pod's network namespace. */
  readonly netns: bigint | undefined
  /** Its network namespace may hold what an enrolment makes there. */
  readonly prepared: boolean
  /** Unix milliseconds of the last change of phase. */
  readonly since: number
  readonly lastError: string | undefined
  /** As the last enrolment found it: istio-cni's rules capture the pod, and this agent does not. */
  readonly capturedByIstio: boolean
  /** Of a steered pod, as the last verification found it. */
  readonly conditions: readonly Condition[]
  /** Failed enrolments in a row. */
  readonly attempts: number
  /** Raised with each effect that makes the answer of an earlier one worthless. */
  readonly epoch: number
}

export function unseen(uid: PodUid, now: number): PodState {
  return {
    uid,
    phase: 'known',
    verdict: 'none',
    pod: undefined,
    membership: undefined,
    listed: false,
    cgroup: undefined,
    netns: undefined,
    prepared: false,
    since: now,
    lastError: undefined,
    capturedByIstio: false,
    conditions: [],
    attempts: 0,
    epoch: 0
  }
}

export function isSteered(state: PodState): boolean {
  return state.verdict === 'steer'
}

/** ztunnel carries its connections, or will. */
export function mayHaveProxy({ membership, verdict, phase }: PodState): boolean {
  return membership?.decision === 'in' || verdict === 'steer' || phase === 'leaving'
}
