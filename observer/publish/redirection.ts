// SPDX-License-Identifier: Apache-2.0
// What a pod's annotation should say of it: istiod sends HBONE to pods that say `enabled`. Pure. The annotation is
// written and never believed: the kernel's maps say what is captured.

import type { Mode } from '../maps/mode.ts'
import type { PodState } from '../pods/state.ts'

export type Redirection = 'enabled' | 'absent'

/** Undefined: nothing is to be said now, and what was to be said before still is. */
export function redirectionDue(state: PodState, mode: Mode): Redirection | undefined {
  const { phase, listed, membership, verdict, capturedByIstio } = state
  if (!listed || membership === undefined) return undefined
  // Another agent's word may be there, which is true: only what this one has captured is taken back.
  if (mode === 'observe') return phase === 'leaving' ? 'absent' : undefined
  switch (phase) {
    case 'verified':
      return 'enabled'
    case 'enrolled':
      // Steered already, perhaps by a former agent: a moment later it is verified.
      return undefined
    case 'joining':
      // istio-cni may have captured it: the enrolment looks first.
      return undefined
    case 'failed':
      // It goes on by istio-cni's rules while ztunnel serves it: what istio-cni says of it is true.
      return capturedByIstio && verdict === 'pass' ? undefined : 'absent'
    case 'known':
      // Without a cgroup nothing of it runs: its end, or the time before its beginning.
      return membership.decision === 'in' ? undefined : 'absent'
    default:
      return 'absent'
  }
}

/** What agents write: Istio's knows `pending` as well. Everything else is a user's word. */
const AGENTS_WORDS: readonly (string | undefined)[] = [undefined, 'enabled', 'pending']

/**
 * @param said what the annotation says now
 * @returns the value to write, null to remove it; undefined: it says so already, or a user has spoken
 */
export function correction(said: string | undefined, due: Redirection): 'enabled' | null | undefined {
  if (!AGENTS_WORDS.includes(said)) return undefined
  if (due === 'enabled') return said === 'enabled' ? undefined : 'enabled'
  return said === undefined ? undefined : null
}
