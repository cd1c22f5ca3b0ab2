// SPDX-License-Identifier: Apache-2.0
// What can be done inside a network namespace, and what each operation answers.

export type Family = 'ipv4' | 'ipv6'

/** An address of an interface. `tentative`: duplicate address detection has not ended (IPv6). */
export interface Address {
  family: Family
  address: string
  prefixLength: number
  interfaceIndex: number
  interfaceName: string
  scope: 'global' | 'link' | 'host' | 'site' | 'other'
  tentative: boolean
}

/** A policy routing rule. `mask` defaults to all 32 bits; `protocol` says who made the rule (rtnetlink(7), RTPROT_*). */
export interface Rule {
  family: Family
  priority: number
  mark?: number
  mask?: number
  table?: number
  action: 'lookup' | 'unreachable' | 'other'
  protocol?: number
  /** Read only: it selects or does something that the members above cannot say. */
  foreign?: boolean
  /** Read only: one line, as `ip rule` prints it. */
  description?: string
}

/** A route without a gateway. `destination`: 'default', an address (a host route) or address/length. */
export interface Route {
  family: Family
  table: number
  type: 'local' | 'unicast' | 'other'
  destination: string
  source?: string
  interfaceName?: string
  protocol?: number
  scope?: string
}

/** Spared by a destruction: by mark, or whatever has IP_TRANSPARENT or was accepted by a listener that has it. */
export type SparedSockets = { readonly mark: number; readonly mask: number } | { readonly transparent: true }

/** A TCP socket in LISTEN. `transparent` undefined: the kernel does not tell. */
export interface Listener {
  port: number
  transparent: boolean | undefined
  mark: number
  /** Of the socket, as in `/proc/<pid>/fd`: "socket:[inode]". */
  inode: number
}

/**
 * A table of nf_tables or of the legacy iptables. iptables-nft writes nft tables of the same names. `translates`: a rule
 * of it changes destinations (DNAT). `marks`: the bits that its rules change in the marks of what the namespace sends,
 * where another mark is another route.
 */
export interface FirewallTable {
  kind: 'nft' | 'legacy'
  family: Family | 'other'
  name: string
  chains: string[]
  translates: boolean
  marks: number
}

export type NetnsOperation =
  | { op: 'cookie' }
  | { op: 'addresses' }
  | { op: 'rules'; family: Family }
  | { op: 'add-rule'; rule: Rule }
  | { op: 'delete-rule'; rule: Rule }
  | { op: 'routes'; family: Family; table: number }
  | { op: 'replace-route'; route: Route }
  | { op: 'delete-route'; route: Route }
  | { op: 'get-sysctl'; name: string }
  | { op: 'set-sysctl'; name: string; value: string }
  | { op: 'connections' }
  | { op: 'count-sockets'; mark: number; mask: number }
  | { op: 'destroy-sockets'; except: readonly SparedSockets[] }
  | { op: 'listeners'; ports: readonly number[] }
  | { op: 'link-flags'; name: string }
  | { op: 'firewall'; nft: boolean }
  | { op: 'firewall-generation'; nft: boolean }
  | { op: 'forwarded' }

interface Results {
  /** SO_NETNS_COOKIE; the key that BPF programs see. */
  cookie: bigint
  addresses: Address[]
  rules: Rule[]
  /** False: an identical rule was there. */
  'add-rule': boolean
  /** False: it was not there. Without `protocol` a rule of any protocol is deleted. */
  'delete-rule': boolean
  routes: Route[]
  'replace-route': undefined
  /** False: it was not there. */
  'delete-route': boolean
  /** Undefined: there is no such sysctl. */
  'get-sysctl': string | undefined
  /** The previous value; the same value is not written again. */
  'set-sysctl': string
  /**
   * TCP sockets, except LISTEN, TIME_WAIT and CLOSE, in records of 36 bytes: local address, remote address (IPv4 as
   * ::ffff:a.b.c.d), local port, remote port; network order.
   */
  connections: Uint8Array
  /** TCP sockets with that mark, except LISTEN, TIME_WAIT and CLOSE. */
  'count-sockets': number
  /**
   * How many TCP connections were reset (SOCK_DESTROY, CONFIG_INET_DIAG_DESTROY). Listeners, and connections whose ends
   * are both loopback or addresses of the namespace, are never touched. MPTCP loses its subflows, but its socket tells
   * only after net.mptcp.close_timeout.
   */
  'destroy-sockets': number
  /** TCP listeners on these ports, of both families. */
  listeners: Listener[]
  /** Undefined: there is no such interface. */
  'link-flags': { up: boolean; index: number } | undefined
  /** No table is made by asking. `nft`: ask nf_tables too, which loads its module where the kernel has it as one. */
  firewall: FirewallTable[]
  /** Another text when the tables may have changed. */
  'firewall-generation': string
  /** IP packets that the namespace has forwarded. */
  forwarded: { ipv4: number; ipv6: number }
}

export type NetnsResult<O extends NetnsOperation> = Results[O['op']]
export type NetnsResults<T extends readonly NetnsOperation[]> = {
  -readonly [I in keyof T]: NetnsResult<T[I]>
}
