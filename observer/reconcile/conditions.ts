// SPDX-License-Identifier: Apache-2.0
// What a verification found that the agent leaves alone: it is told instead. Pure.

import { MORE_ADDRESSES } from '../maps/pod-entries.ts'
import { markingTables, routingConflicts } from '../netns/conflict.ts'
import { type Forwarding, passesOn } from '../netns/forwarding.ts'
import type { Inspection } from '../netns/inspection.ts'
import { istioRules, istioTables } from '../netns/leftover.ts'
import type { Steering } from '../netns/plan.ts'
import type { Condition } from '../pods/condition.ts'

export interface Surroundings {
  readonly steering: Steering
  /** What a new network namespace has on this node. */
  readonly inherited: Forwarding
}

export interface Looked {
  readonly found: Inspection
  /** Why probes do not pass ztunnel by. */
  readonly probes: string | undefined
  /** Addresses that the hooks are not told of. */
  readonly unlisted: number
}

export function conditionsOf(
  { found, probes, unlisted }: Looked,
  { steering, inherited }: Surroundings
): readonly Condition[] {
  const { rules, routes, tables } = found
  const captured = istioTables(tables)
  // istio-cni's own change marks too, and are told as what they are.
  const marking = captured.length > 0 ? [] : markingTables(steering, tables)
  const routing = [...routingConflicts(steering, rules, routes), ...marking]
  const partial = passesOn(found, inherited)
  const left = istioRules(rules)
  return [
    ...said('partial', partial, 'traffic without a socket in the pod is not steered'),
    ...said('routing', routing, 'change the rule, or steering.priority, steering.mark or steering.table'),
    ...said('istio-rules', [...captured, ...left], LEFTOVER[captured.length > 0 ? 'tables' : 'rules']),
    ...said('probes', probes === undefined ? [] : [probes], PROBES),
    ...said('addresses', unlisted === 0 ? [] : [`${unlisted} addresses too many`], UNLISTED)
  ]
}

const PROBES =
  'exempt it in the CNI plugin, or name the addresses that the probes come from in kubelet.addresses'

const UNLISTED = `of a pod's further addresses ${MORE_ADDRESSES} are known; connections to the others are dropped`

const LEFTOVER = {
  tables:
    'inbound connections are refused until they are removed: restart the pod without istio-cni on the node',
  rules: 'they move nothing any more, and go with the pod'
} as const

function said(kind: Condition['kind'], found: readonly string[], consequence: string): Condition[] {
  return found.length === 0 ? [] : [{ kind, message: `${found.join(', ')}; ${consequence}` }]
}
