// SPDX-License-Identifier: Apache-2.0
// Compares what a network namespace holds with its plan.

import type { Route, Rule } from '#native'
import type { NetnsPlan } from './plan.ts'

export type DriftKind = 'rule' | 'route' | 'sysctl'

export interface Drift {
  readonly kind: DriftKind
  /** What is missing or different, as `ip` or `sysctl` would write it. */
  readonly what: string
}

export interface Found {
  readonly rules: readonly Rule[]
  readonly routes: readonly Route[]
  readonly sysctls: Readonly<Record<string, string | undefined>>
}

export function driftOf(plan: NetnsPlan, found: Found): Drift[] {
  const rules = plan.rules.filter((rule) => !found.rules.some((other) => sameRule(rule, other)))
  const routes = plan.routes.filter((route) => !found.routes.some((other) => sameRoute(route, other)))
  const sysctls = plan.sysctls.filter(({ name, value }) => found.sysctls[name] !== value)
  return [
    ...rules.map((rule): Drift => ({ kind: 'rule', what: ruleText(rule) })),
    ...routes.map((route): Drift => ({ kind: 'route', what: routeText(route) })),
    ...sysctls.map(({ name, value }): Drift => ({ kind: 'sysctl', what: `${name}=${value}` }))
  ]
}

/** What is ours and not planned: of an address that is gone, or of another configuration. */
export function surplusOf(
  plan: NetnsPlan,
  { rules, routes }: Found,
  protocol: number
): Pick<Found, 'rules' | 'routes'> {
  const surplus = routes.filter((route) => !plan.routes.some((other) => samePlace(route, other)))
  return {
    rules: rules.filter(
      (rule) => rule.protocol === protocol && !plan.rules.some((other) => sameRule(other, rule))
    ),
    routes: surplus.filter((route) => route.protocol === protocol)
  }
}

/** Of two routes at one place the later has replaced the earlier: to delete that would delete this. */
function samePlace(route: Route, other: Route): boolean {
  return (
    route.family === other.family && route.table === other.table && route.destination === other.destination
  )
}

function sameRule(rule: Rule, other: Rule): boolean {
  return (
    other.foreign !== true &&
    rule.family === other.family &&
    rule.priority === other.priority &&
    rule.mark === other.mark &&
    rule.mask === other.mask &&
    rule.action === other.action &&
    (rule.action !== 'lookup' || rule.table === other.table)
  )
}

function sameRoute(route: Route, other: Route): boolean {
  return (
    route.family === other.family &&
    route.table === other.table &&
    route.type === other.type &&
    route.destination === other.destination &&
    route.source === other.source &&
    route.interfaceName === other.interfaceName
  )
}

function ruleText({ family, priority, mark = 0, mask = 0, action, table }: Rule): string {
  const target = action === 'lookup' ? `lookup ${table}` : action
  return `${family} rule ${priority}: fwmark 0x${mark.toString(16)}/0x${mask.toString(16)} ${target}`
}

function routeText({ family, type, destination, source, table }: Route): string {
  return `${family} route ${type} ${destination} src ${source} table ${table}`
}
