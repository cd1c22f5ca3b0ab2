// SPDX-License-Identifier: Apache-2.0
// What agents have left in a network namespace, whatever they knew of it: every rule and route of theirs has their
// protocol number.

import type { Netns, Route, Rule } from '#native'
import { type NetnsPlan, removing, type Steering } from './plan.ts'

export interface Traces {
  readonly rules: readonly Rule[]
  readonly routes: readonly Route[]
}

/** Undefined: there are none. */
export async function tracesIn(
  netns: Pick<Netns, 'run'>,
  { protocol, table }: Pick<Steering, 'protocol' | 'table'>
): Promise<Traces | undefined> {
  const [rules4, rules6, routes4, routes6] = await netns.run([
    { op: 'rules', family: 'ipv4' },
    { op: 'rules', family: 'ipv6' },
    { op: 'routes', family: 'ipv4', table },
    { op: 'routes', family: 'ipv6', table }
  ])
  const rules = [...rules4, ...rules6].filter((rule) => rule.protocol === protocol)
  const routes = [...routes4, ...routes6].filter((route) => route.protocol === protocol)
  return rules.length + routes.length > 0 ? { rules, routes } : undefined
}

/** @param sysctls what they are to be */
export async function removeTraces(
  netns: Pick<Netns, 'run'>,
  { rules, routes }: Traces,
  sysctls: NetnsPlan['sysctls']
): Promise<void> {
  // Taken back backwards: the rules that refuse come last.
  const refusing = rules.filter(({ action }) => action === 'unreachable')
  const turning = rules.filter(({ action }) => action !== 'unreachable')
  await netns.run(removing({ rules: [...refusing, ...turning], routes, sysctls }, sysctls))
}
