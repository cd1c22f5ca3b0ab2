// SPDX-License-Identifier: Apache-2.0
// Whether a pod passes on what is not its own. Pure.

import type { FirewallTable } from '#native'

/** By family. */
export interface Forwarding {
  readonly ipv4: boolean
  readonly ipv6: boolean
}

export interface Passing {
  readonly enabled: Forwarding
  /** Packets so far. */
  readonly forwarded: { readonly ipv4: number; readonly ipv6: number }
  readonly tables: readonly FirewallTable[]
}

/**
 * Traffic without a socket in the pod is not steered.
 * @param inherited what a new network namespace has on this node: says nothing about the pod
 */
export function passesOn({ enabled, forwarded, tables }: Passing, inherited: Forwarding): readonly string[] {
  const families = (['ipv4', 'ipv6'] as const).flatMap((family) => {
    // Without the number, which would be news in each round.
    if (forwarded[family] > 0) return [`it has forwarded ${NAMES[family]} packets`]
    return enabled[family] && !inherited[family] ? [`it may forward ${NAMES[family]}`] : []
  })
  const translating = tables.filter(({ translates }) => translates)
  return [
    ...families,
    ...translating.map(({ kind, family, name }) => `${kind} table ${family} ${name} rewrites destinations`)
  ]
}

const NAMES = { ipv4: 'IPv4', ipv6: 'IPv6' } as const

/** Of the node, as sysctls are written. */
export interface NodeForwarding {
  readonly ipv4: string | undefined
  readonly ipv6: string | undefined
  /** net.core.devconf_inherit_init_net */
  readonly inherit: string | undefined
}

/** IPv4 takes the node's setting unless told otherwise, IPv6 the kernel's own unless told otherwise. */
export function inheritedForwarding({ ipv4, ipv6, inherit }: NodeForwarding): Forwarding {
  return {
    ipv4: inherit !== '2' && ipv4 === '1',
    ipv6: (inherit === '1' || inherit === '3') && ipv6 === '1'
  }
}
