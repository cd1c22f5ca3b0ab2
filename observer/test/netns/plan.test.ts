// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { driftOf, type Found, surplusOf } from '../../netns/drift.ts'
import { applying, type NetnsPlan, planNetns, removing } from '../../netns/plan.ts'

const STEERING = { mark: 0x51c, mask: 0xfff, table: 1305, priority: 10, protocol: 91 }
const DUAL = { ipv4: '10.0.0.1', ipv6: 'fd00::1', ipv6Supported: true }

function asPlanned({ rules, routes, sysctls }: NetnsPlan): Found {
  return { rules, routes, sysctls: Object.fromEntries(sysctls.map(({ name, value }) => [name, value])) }
}

describe('the plan of a namespace', () => {
  it.each([
    ['dual stack', DUAL, { ipv4: [11, 10], ipv6: [11, 10] }, ['10.0.0.1', 'fd00::1'], 3],
    ['IPv4 only', { ...DUAL, ipv6: undefined }, { ipv4: [11, 10], ipv6: [11] }, ['10.0.0.1'], 3],
    ['IPv6 only', { ...DUAL, ipv4: undefined }, { ipv4: [11], ipv6: [11, 10] }, ['fd00::1'], 3],
    [
      'a kernel without IPv6',
      { ...DUAL, ipv6Supported: false },
      { ipv4: [11, 10], ipv6: [] },
      ['10.0.0.1'],
      2
    ]
  ] as const)('of %s', (_, facts, priorities, sources, sysctls) => {
    const plan = planNetns(STEERING, facts)
    const of = (family: string) =>
      plan.rules.filter((rule) => rule.family === family).map((rule) => rule.priority)
    expect({ ipv4: of('ipv4'), ipv6: of('ipv6') }).toEqual(priorities)
    expect(plan.routes.map(({ source }) => source)).toEqual(sources)
    expect(plan.sysctls).toHaveLength(sysctls)
  })

  it('refuses before it routes, and on the way back as long as it can', () => {
    const plan = planNetns(STEERING, { ...DUAL, ipv6Supported: false })
    const told = (operations: readonly { op: string; rule?: { action: string } }[]) =>
      operations.map(({ op, rule }) => (rule === undefined ? op : `${op} ${rule.action}`))
    expect(told(applying(plan))).toEqual([
      'add-rule unreachable',
      'add-rule lookup',
      'replace-route',
      'set-sysctl',
      'set-sysctl'
    ])
    expect(told(removing(plan, []))).toEqual([
      'delete-route',
      'delete-rule lookup',
      'delete-rule unreachable'
    ])
  })

  it('puts back only the settings that it changed', () => {
    const plan = planNetns(STEERING, DUAL)
    const former = [{ name: 'net.ipv4.fwmark_reflect', value: '0' }]
    const written = removing(plan, former).filter(({ op }) => op === 'set-sysctl')
    expect(written).toEqual([{ op: 'set-sysctl', name: 'net.ipv4.fwmark_reflect', value: '0' }])
  })
})

describe('drift', () => {
  const plan = planNetns(STEERING, DUAL)
  const found = asPlanned(plan)

  it('is nothing where all is as planned, whatever else is there', () => {
    const other = { family: 'ipv4', priority: 100, action: 'lookup', table: 254 } as const
    expect(driftOf(plan, { ...found, rules: [...found.rules, other] })).toEqual([])
  })

  it.each<[string, Partial<Found>, string[]]>([
    ['every rule', { rules: [] }, ['rule', 'rule', 'rule', 'rule']],
    ['every route', { routes: [] }, ['route', 'route']],
    ['every setting', { sysctls: {} }, ['sysctl', 'sysctl', 'sysctl']],
    [
      'a rule’s mark',
      { rules: found.rules.map((rule, i) => (i === 0 ? { ...rule, mark: 1 } : rule)) },
      ['rule']
    ],
    ['a rule’s table', { rules: found.rules.map((rule) => ({ ...rule, table: 254 })) }, ['rule', 'rule']],
    [
      'a rule’s selector',
      { rules: found.rules.map((rule) => ({ ...rule, foreign: true })) },
      Array(4).fill('rule')
    ],
    [
      'a route’s source',
      { routes: found.routes.map((route) => ({ ...route, source: '10.0.0.9' })) },
      ['route', 'route']
    ],
    ['a setting’s value', { sysctls: { ...found.sysctls, 'net.ipv4.fwmark_reflect': '0' } }, ['sysctl']]
  ])('is seen in %s', (_, change, kinds) => {
    expect(driftOf(plan, { ...found, ...change }).map(({ kind }) => kind)).toEqual(kinds)
  })

  it('is told as ip and sysctl would write it', () => {
    const [rule] = driftOf(plan, { ...found, rules: found.rules.slice(1) })
    expect(rule?.what).toBe('ipv4 rule 11: fwmark 0x51c/0xfff unreachable')
  })
})

describe('what is left of an earlier plan', () => {
  const dual = planNetns(STEERING, DUAL)
  const found = (plan: NetnsPlan) => asPlanned(plan)

  it('is nothing where all is as planned', () => {
    expect(surplusOf(dual, found(dual), STEERING.protocol)).toEqual({ rules: [], routes: [] })
  })

  it.each(['ipv4', 'ipv6'] as const)('is the way round of a family that lost its address: %s', (family) => {
    const now = planNetns(STEERING, { ...DUAL, [family]: undefined })
    const { rules, routes } = surplusOf(now, found(dual), STEERING.protocol)
    expect(rules).toMatchObject([{ family, action: 'lookup' }])
    expect(routes).toMatchObject([{ family, type: 'local' }])
  })

  it('is no route whose place another has taken', () => {
    const now = planNetns(STEERING, { ...DUAL, ipv6: 'fd00::2' })
    expect(surplusOf(now, found(dual), STEERING.protocol)).toEqual({ rules: [], routes: [] })
  })

  it('is nothing of anybody else’s', () => {
    const others = planNetns({ ...STEERING, protocol: 4, mark: 0x77 }, DUAL)
    const now = planNetns(STEERING, { ...DUAL, ipv6: undefined })
    expect(surplusOf(now, found(others), STEERING.protocol)).toEqual({ rules: [], routes: [] })
  })
})
