// SPDX-License-Identifier: Apache-2.0
// What istio-cni has left in a pod. Pure.

import type { FirewallTable, Rule } from '#native'
import { ISTIO_MASK } from '../config/steering.ts'

const CHAIN = /^ISTIO_/
const NFT_TABLE = /^istio-ambient-/
const MARK = 0x111
const TABLE = 100

/** Tables and chains that send connections to ztunnel's ports: inbound ones would be refused there. */
export function istioTables(tables: readonly FirewallTable[]): readonly string[] {
  return tables.flatMap(({ kind, family, name, chains }) => {
    if (kind === 'nft' && NFT_TABLE.test(name)) return [`nft table inet ${name}`]
    const own = chains.filter((chain) => CHAIN.test(chain))
    if (own.length === 0) return []
    const command = `${family === 'ipv6' ? 'ip6tables' : 'iptables'}-${kind}`
    return [`${command} table ${name} (${own.join(', ')})`]
  })
}

/** Alone they move nothing: nobody sets the mark any more. */
export function istioRules(rules: readonly Rule[]): readonly string[] {
  return rules
    .filter(
      ({ mark, mask, table, action }) =>
        mark === MARK && mask === ISTIO_MASK && table === TABLE && action === 'lookup'
    )
    .map(({ family, description }) => `${family} rule "${description}"`)
}
