// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import type { FirewallTable, Rule } from '#native'
import { inheritedForwarding, passesOn } from '../../netns/forwarding.ts'
import { istioRules, istioTables } from '../../netns/leftover.ts'

const table = (change: Partial<FirewallTable>): FirewallTable => ({
  kind: 'nft',
  family: 'ipv4',
  name: 'nat',
  chains: ['PREROUTING', 'OUTPUT'],
  translates: false,
  marks: 0,
  ...change
})

describe('what istio-cni left', () => {
  it.each<[string, FirewallTable, string[]]>([
    ['nothing', table({}), []],
    ['chains of others', table({ chains: ['DOCKER', 'MY_ISTIO_CHAIN'] }), []],
    [
      'chains of iptables-nft',
      table({ chains: ['ISTIO_OUTPUT', 'OUTPUT'] }),
      ['iptables-nft table nat (ISTIO_OUTPUT)']
    ],
    [
      'chains of ip6tables-legacy',
      table({ kind: 'legacy', family: 'ipv6', chains: ['ISTIO_PRERT'] }),
      ['ip6tables-legacy table nat (ISTIO_PRERT)']
    ],
    [
      'a table of nft',
      table({ family: 'other', name: 'istio-ambient-nat', chains: ['output'] }),
      ['nft table inet istio-ambient-nat']
    ]
  ])('%s', (_, found, told) => {
    expect(istioTables([found])).toEqual(told)
  })

  it('is told of its rule, and not of others by that mark or to that table', () => {
    const left: Rule = {
      family: 'ipv4',
      priority: 32_764,
      mark: 0x111,
      mask: 0xfff,
      table: 100,
      action: 'lookup',
      description: '32764: from all fwmark 0x111/0xfff lookup 100'
    }
    const unmarked: Rule = { family: 'ipv4', priority: 32_764, table: 100, action: 'lookup' }
    const others: Rule[] = [{ ...left, table: 77 }, { ...left, mark: 0x112 }, unmarked]
    expect(istioRules([left, ...others])).toEqual([
      'ipv4 rule "32764: from all fwmark 0x111/0xfff lookup 100"'
    ])
  })
})

describe('a pod passes on', () => {
  const OFF = { ipv4: false, ipv6: false }
  const QUIET = { enabled: OFF, forwarded: { ipv4: 0, ipv6: 0 }, tables: [] }

  it.each([
    ['nothing', QUIET, OFF, []],
    [
      'what it may',
      { ...QUIET, enabled: { ipv4: true, ipv6: true } },
      OFF,
      ['it may forward IPv4', 'it may forward IPv6']
    ],
    [
      'nothing known, where every pod may',
      { ...QUIET, enabled: { ipv4: true, ipv6: false } },
      { ipv4: true, ipv6: false },
      []
    ],
    [
      'what it has',
      { ...QUIET, forwarded: { ipv4: 0, ipv6: 7 } },
      { ipv4: true, ipv6: true },
      ['it has forwarded IPv6 packets']
    ],
    [
      'what it rewrites',
      { ...QUIET, tables: [table({ translates: true }), table({})] },
      OFF,
      ['nft table ipv4 nat rewrites destinations']
    ]
  ])('%s', (_, passing, inherited, told) => {
    expect(passesOn(passing, inherited)).toEqual(told)
  })

  it.each([
    ['0', '1', '1', { ipv4: true, ipv6: false }],
    ['1', '1', '1', { ipv4: true, ipv6: true }],
    ['2', '1', '1', { ipv4: false, ipv6: false }],
    ['0', '0', '0', { ipv4: false, ipv6: false }]
  ])('by inheritance %s of a node with %s and %s', (inherit, ipv4, ipv6, expected) => {
    expect(inheritedForwarding({ inherit, ipv4, ipv6 })).toEqual(expected)
  })
})
