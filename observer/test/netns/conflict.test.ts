// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import type { FirewallTable, Route, Rule } from '#native'
import { markingTables, routingConflicts } from '../../netns/conflict.ts'

const STEERING = { mark: 0x51c, mask: 0xfff, table: 5151, priority: 1, protocol: 151 }
const OURS: Rule[] = [
  { family: 'ipv4', priority: 1, mark: 0x51c, mask: 0xfff, table: 5151, action: 'lookup', protocol: 151 },
  { family: 'ipv4', priority: 2, mark: 0x51c, mask: 0xfff, action: 'unreachable', protocol: 151 },
  { family: 'ipv4', priority: 0, table: 255, action: 'lookup', description: '0: from all lookup local' },
  {
    family: 'ipv4',
    priority: 32_766,
    table: 254,
    action: 'lookup',
    description: '32766: from all lookup main'
  }
]

const rule = (change: Partial<Rule>): Rule => ({
  family: 'ipv4',
  priority: 100,
  table: 77,
  action: 'lookup',
  description: 'a rule',
  ...change
})

describe('routing of a pod’s own', () => {
  it.each<[string, Rule]>([
    ['by source, as sbr has it', rule({ foreign: true, description: '32765: from 10.0.0.2/32 lookup 100' })],
    [
      'by a mark that is not, as wg-quick has it',
      rule({ mark: 0xca6c, description: '100: not fwmark 0xca6c' })
    ],
    ['by a mark of its own', rule({ mark: 0x10000, mask: 0xff0000 })],
    ['by some bits of ours', rule({ mark: 0x4, mask: 0x4 })],
    ['before ours by another mark', rule({ priority: 1, mark: 0x539, mask: 0xfff })],
    ['before ours for what comes in', rule({ priority: 1, description: '1: from all iif eth0 lookup 77' })]
  ])('%s meets ours nowhere', (_, other) => {
    expect(routingConflicts(STEERING, [...OURS, other], [])).toEqual([])
  })

  it.each<[string, Rule, string]>([
    ['by our mark', rule({ mark: 0x51c, mask: 0xfff }), 'uses our mark 0x51c'],
    ['by our mark and more', rule({ mark: 0x1051c, mask: 0x1ffff }), 'uses our mark 0x51c'],
    ['by our mark without a mask', rule({ mark: 0x51c }), 'uses our mark 0x51c'],
    ['to our table', rule({ table: 5151 }), 'uses our table 5151'],
    ['before ours', rule({ priority: 2 }), 'comes before ours (1 and 2)'],
    [
      'before ours by some of our bits',
      rule({ priority: 1, mark: 4, mask: 4 }),
      'comes before ours (1 and 2)'
    ],
    [
      'before ours by a mark that is not',
      rule({ priority: 1, mark: 0x539, mask: 0xfff, description: '1: not from all' }),
      'comes before ours (1 and 2)'
    ]
  ])('%s is named', (_, other, why) => {
    expect(routingConflicts(STEERING, [...OURS, other], [])).toEqual([
      `ipv4 rule "${other.description}" ${why}`
    ])
  })

  it('in our table is named', () => {
    const route: Route = { family: 'ipv6', table: 5151, type: 'unicast', destination: 'default', protocol: 3 }
    const ours: Route = { ...route, type: 'local', protocol: 151 }
    expect(routingConflicts(STEERING, OURS, [ours, route])).toEqual([
      'ipv6 route default is in our table 5151'
    ])
  })
})

describe('a firewall of the pod’s own', () => {
  const table: FirewallTable = {
    kind: 'nft',
    family: 'other',
    name: 'mine',
    chains: ['out'],
    translates: false,
    marks: 0
  }

  it('that changes bits of our mark is named', () => {
    const found = [
      { ...table, marks: 0xffff_ffff },
      { ...table, family: 'ipv6' as const, marks: 0x4 }
    ]
    expect(markingTables(STEERING, found)).toEqual([
      'nft table other mine changes marks',
      'nft table ipv6 mine changes marks'
    ])
  })

  it('that changes other bits, or none, is not', () => {
    expect(markingTables(STEERING, [table, { ...table, marks: 0x00ff_0000 }])).toEqual([])
  })
})
