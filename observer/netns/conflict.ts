// SPDX-License-Identifier: Apache-2.0
// Policy routing of a pod's own that meets ours: it would take what we steer, or lose what it routes. Pure.

import type { FirewallTable, Route, Rule } from '#native'
import type { Steering } from './plan.ts'

/** @returns a line for each, with the rule as `ip rule` shows it */
export function routingConflicts(
  steering: Steering,
  rules: readonly Rule[],
  routes: readonly Route[]
): readonly string[] {
  const foreign = rules.filter((rule) => !isOurs(rule, steering))
  return [
    ...foreign.flatMap((rule) => {
      const why = conflictOf(rule, steering)
      return why === undefined ? [] : [`${rule.family} rule "${rule.description}" ${why}`]
    }),
    ...routes
      .filter(({ table, protocol }) => table === steering.table && protocol !== steering.protocol)
      .map((route) => `${route.family} route ${route.destination} is in our table ${steering.table}`)
  ]
}

/** Tables that change our mark on its way out: what had it goes where the pod's own routing leads. */
export function markingTables({ mask }: Steering, tables: readonly FirewallTable[]): readonly string[] {
  return tables
    .filter(({ marks }) => (marks & mask) !== 0)
    .map(({ kind, family, name }) => `${kind} table ${family} ${name} changes marks`)
}

function isOurs({ protocol, priority, foreign }: Rule, steering: Steering): boolean {
  const own = priority === steering.priority || priority === steering.priority + 1
  return foreign !== true && own && protocol === steering.protocol
}

function conflictOf(rule: Rule, steering: Steering): string | undefined {
  if (rule.action === 'lookup' && rule.table === steering.table) return `uses our table ${steering.table}`
  if (takesMark(rule, steering)) return `uses our mark 0x${steering.mark.toString(16)}`
  if (rule.priority <= steering.priority + 1 && !isLocal(rule) && mayMatch(rule, steering))
    return `comes before ours (${steering.priority} and ${steering.priority + 1})`
  return undefined
}

/** Every network namespace has it. */
function isLocal({ priority, table, mark }: Rule): boolean {
  return priority === 0 && table === 255 && mark === undefined
}

/** What the pod marks for this rule would be turned round by ours. */
function takesMark(rule: Rule, { mark, mask }: Steering): boolean {
  if (rule.mark === undefined || isInverted(rule)) return false
  const bits = rule.mask ?? 0xffff_ffff
  return (bits & mask) >>> 0 === mask && (rule.mark & mask) >>> 0 === mark
}

/** Of what leaves the pod with our mark. */
function mayMatch(rule: Rule, { mark, mask }: Steering): boolean {
  if (/ iif (?!lo\b)/.test(rule.description ?? '')) return false
  if (rule.mark === undefined || isInverted(rule)) return true
  return ((rule.mark ^ mark) & (rule.mask ?? 0xffff_ffff) & mask) === 0
}

function isInverted({ description = '' }: Rule): boolean {
  return / not /.test(description)
}
