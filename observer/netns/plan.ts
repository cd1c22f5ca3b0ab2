// SPDX-License-Identifier: Apache-2.0
// What a pod's network namespace must hold so that marked packets reach ztunnel, and nothing else does.

import type { Family, NetnsOperation, Route, Rule } from '#native'

export interface Steering {
  readonly mark: number
  readonly mask: number
  readonly table: number
  /** The rule that turns marked packets round has it; the one that refuses what is left has the next. */
  readonly priority: number
  readonly protocol: number
}

export interface NetnsPlan {
  readonly rules: readonly Rule[]
  readonly routes: readonly Route[]
  readonly sysctls: readonly { readonly name: string; readonly value: string }[]
}

export interface PlanFacts {
  readonly ipv4: string | undefined
  readonly ipv6: string | undefined
  /** The kernel knows IPv6. Without an address of its own a pod still gets the rule that refuses. */
  readonly ipv6Supported: boolean
}

/**
 * Replaces Istio's rule `fwmark 0x111/0xfff lookup 100` with its route, and the connmarks that brought
 * replies back.
 */
export function planNetns(steering: Steering, facts: PlanFacts): NetnsPlan {
  const families: readonly (readonly [Family, string | undefined])[] = [
    ['ipv4', facts.ipv4],
    ...(facts.ipv6Supported ? ([['ipv6', facts.ipv6]] as const) : [])
  ]
  return {
    rules: families.flatMap(([family, ip]) => rulesOf(steering, family, ip !== undefined)),
    routes: families.flatMap(([family, ip]) => (ip === undefined ? [] : [routeOf(steering, family, ip)])),
    sysctls: [
      // The application's accepted socket inherits the mark of ztunnel's SYN, so that its replies turn round.
      { name: 'net.ipv4.tcp_fwmark_accept', value: '1' },
      // So do resets that no socket sends: without it an application that is down costs its caller 10 s.
      { name: 'net.ipv4.fwmark_reflect', value: '1' },
      ...(facts.ipv6Supported ? [{ name: 'net.ipv6.fwmark_reflect', value: '1' }] : [])
    ]
  }
}

function rulesOf(
  { mark, mask, table, priority, protocol }: Steering,
  family: Family,
  routed: boolean
): Rule[] {
  // What is marked and finds no route any more must not leave by the pod's default route.
  const refuse: Rule = { family, priority: priority + 1, mark, mask, action: 'unreachable', protocol }
  if (!routed) return [refuse]
  return [refuse, { family, priority, mark, mask, table, action: 'lookup', protocol }]
}

/** Without `source` the destination would become the source. */
function routeOf({ table, protocol }: Steering, family: Family, source: string): Route {
  return { family, table, type: 'local', destination: 'default', source, interfaceName: 'lo', protocol }
}

export function applying(plan: NetnsPlan): NetnsOperation[] {
  return [
    ...plan.rules.map((rule): NetnsOperation => ({ op: 'add-rule', rule })),
    ...plan.routes.map((route): NetnsOperation => ({ op: 'replace-route', route })),
    ...plan.sysctls.map(({ name, value }): NetnsOperation => ({ op: 'set-sysctl', name, value }))
  ]
}

/** Backwards: the rule that refuses goes last. */
export function removing(plan: NetnsPlan, sysctls: NetnsPlan['sysctls']): NetnsOperation[] {
  return [
    ...sysctls.map(({ name, value }): NetnsOperation => ({ op: 'set-sysctl', name, value })),
    ...plan.routes.map((route): NetnsOperation => ({ op: 'delete-route', route })),
    ...plan.rules.toReversed().map((rule): NetnsOperation => ({ op: 'delete-rule', rule }))
  ]
}
