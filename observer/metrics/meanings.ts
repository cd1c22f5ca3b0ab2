// SPDX-License-Identifier: Apache-2.0
// What each counter of the hooks says, in the words of the metrics. What is not in the table is an action.

import type { counter } from '#contract'

export type Direction = 'outbound' | 'inbound'
export type Fate = 'steered' | 'passed' | 'held' | 'refused'

/** Of enum counter: in lower case without COUNT_. */
type Lowered<Name> = Name extends `COUNT_${infer Rest}` ? Lowercase<Rest> : never
export type CounterName = Lowered<keyof typeof counter>

export interface ConnectionMeaning {
  readonly direction: Direction
  readonly outcome: Fate
  readonly reason: string
}

const outbound = (outcome: Fate, reason: string): ConnectionMeaning => ({
  direction: 'outbound',
  outcome,
  reason
})
const inbound = (outcome: Fate, reason: string): ConnectionMeaning => ({
  direction: 'inbound',
  outcome,
  reason
})

export const CONNECTIONS = {
  steered: outbound('steered', 'enrolled'),
  passed: outbound('passed', 'outside'),
  nested_passed: outbound('passed', 'nested'),
  would_steer: outbound('passed', 'would_steer'),
  would_hold: outbound('passed', 'would_hold'),
  refused_unknown: outbound('held', 'unknown'),
  refused_held: outbound('held', 'held'),
  refused_overflow: outbound('held', 'overflow'),
  refused_nested: outbound('refused', 'nested'),
  refused_link_local: outbound('refused', 'link_local'),
  refused_device: outbound('refused', 'device'),
  refused_loopback: outbound('refused', 'loopback'),
  refused_dns: outbound('refused', 'dns'),
  refused_mark: outbound('refused', 'mark'),
  inbound_inbound: inbound('steered', 'enrolled'),
  inbound_exempt: inbound('passed', 'exempt'),
  inbound_bypassed: inbound('passed', 'bypassed'),
  inbound_probe: inbound('passed', 'probe'),
  dropped_not_ready: inbound('held', 'not_ready'),
  dropped_guard: inbound('refused', 'guard'),
  dropped_foreign: inbound('refused', 'foreign'),
  dropped_no_listener: inbound('refused', 'no_listener'),
  dropped_loop: inbound('refused', 'loop'),
  dropped_no_pod: inbound('refused', 'no_pod'),
  dropped_assign: inbound('refused', 'assign')
} as const satisfies Partial<Record<CounterName, ConnectionMeaning>>

/**
 * Those that a kernel function caused which should not fail; some of them are refusals as well. What a pod can bring
 * about by a question of its own (`refused_device`) is none: each is an alarm.
 */
export const FAILURES = {
  refused_mark: 'setsockopt_mark',
  refused_dns: 'socket_storage',
  dropped_assign: 'sk_assign',
  listener_failed: 'listener_map',
  exempt_failed: 'exempt_map',
  exempt_probe_failed: 'exempt_probe_map',
  map_full: 'pod_map'
} as const satisfies Partial<Record<CounterName, string>>

/** They have metrics of their own. */
export const EVENTS = { told: 'events', lost: 'events_lost' } as const satisfies Record<string, CounterName>

/** Whether a counter is in none of the tables. */
export function isAction(name: string): boolean {
  return !(name in CONNECTIONS) && !(name in FAILURES) && !Object.values<string>(EVENTS).includes(name)
}
