// SPDX-License-Identifier: Apache-2.0
// Reads what a network namespace holds, as little as can be at rest: what others tell of is read again only when
// they have told.

import { existsSync, readFileSync } from 'node:fs'
import type { FirewallTable, Netns, Route, Rule } from '#native'
import type { Drift } from './drift.ts'
import type { Passing } from './forwarding.ts'
import { readNetns } from './read.ts'

const BTF = '/sys/kernel/btf/vmlinux'

export interface Inspection extends Passing {
  readonly rules: readonly Rule[]
  /** Of the table that was asked for. */
  readonly routes: readonly Route[]
  readonly sysctls: Readonly<Record<string, string | undefined>>
}

/** What a verification found, before it mended anything. */
export interface Verified {
  readonly drift: readonly Drift[]
  readonly found: Inspection
}

type RoutingRead = Pick<Inspection, 'rules' | 'routes'>

export class Inspector {
  readonly #netns: Netns
  readonly #table: number
  #doubts = 0
  #routing: RoutingRead | undefined
  #firewall: { readonly generation: string; readonly tables: readonly FirewallTable[] } | undefined

  /** @param table routing table */
  constructor(netns: Netns, table: number) {
    this.#netns = netns
    this.#table = table
  }

  /** Rules or routes may have changed. */
  doubt(): void {
    this.#routing = undefined
    this.#doubts++
  }

  /**
   * What others may have made there, read anew in one visit.
   * @throws SluiceError SLUICE_ERR_NETNS_TOO_LARGE
   */
  async survey(): Promise<Pick<Inspection, 'rules' | 'routes' | 'tables'>> {
    this.doubt()
    const doubts = this.#doubts
    const nft = hasNftables()
    const [generation, tables, ...routing] = await readNetns(this.#netns, [
      { op: 'firewall-generation', nft },
      { op: 'firewall', nft },
      ...this.#routingOperations()
    ])
    this.#firewall = { generation, tables }
    return { ...this.#keep(routing, doubts), tables }
  }

  /**
   * @param sysctls names of further ones
   * @throws SluiceError SLUICE_ERR_NETNS_TOO_LARGE
   */
  async look(sysctls: readonly string[]): Promise<Inspection> {
    const nft = hasNftables()
    const reads = sysctls.map((name) => ({ op: 'get-sysctl', name }) as const)
    const [forwarded, generation, ipv4, ipv6, ...values] = await readNetns(this.#netns, [
      { op: 'forwarded' },
      { op: 'firewall-generation', nft },
      { op: 'get-sysctl', name: 'net.ipv4.ip_forward' },
      { op: 'get-sysctl', name: 'net.ipv6.conf.all.forwarding' },
      ...reads
    ])
    return {
      ...(this.#routing ?? (await this.#readRouting())),
      tables: await this.#tables(generation, nft),
      forwarded,
      enabled: { ipv4: ipv4 === '1', ipv6: ipv6 === '1' },
      sysctls: Object.fromEntries(sysctls.map((name, index) => [name, values[index]]))
    }
  }

  async #readRouting(): Promise<RoutingRead> {
    const doubts = this.#doubts
    return this.#keep(await readNetns(this.#netns, this.#routingOperations()), doubts)
  }

  #routingOperations() {
    return [
      { op: 'rules', family: 'ipv4' },
      { op: 'rules', family: 'ipv6' },
      { op: 'routes', family: 'ipv4', table: this.#table },
      { op: 'routes', family: 'ipv6', table: this.#table }
    ] as const
  }

  /** Unless more was told of while it was read. */
  #keep(
    [rules4, rules6, routes4, routes6]: readonly [
      readonly Rule[],
      readonly Rule[],
      readonly Route[],
      readonly Route[]
    ],
    doubts: number
  ): RoutingRead {
    const read = { rules: [...rules4, ...rules6], routes: [...routes4, ...routes6] }
    if (this.#doubts === doubts) this.#routing = read
    return read
  }

  async #tables(generation: string, nft: boolean): Promise<readonly FirewallTable[]> {
    if (this.#firewall?.generation === generation) return this.#firewall.tables
    const [tables] = await readNetns(this.#netns, [{ op: 'firewall', nft }])
    this.#firewall = { generation, tables }
    return tables
  }
}

let nftables: boolean | undefined

/** Whether the kernel has nf_tables now: asked otherwise it would load the module. */
function hasNftables(): boolean {
  // A module that is loaded later is another matter; one that is built in stays.
  if (nftables !== true) nftables = existsSync('/sys/module/nf_tables') || isBuiltIn()
  return nftables
}

let builtIn: boolean | undefined

function isBuiltIn(): boolean {
  builtIn ??=
    !existsSync('/proc/modules') ||
    (existsSync(BTF) && readFileSync(BTF).includes('\0nft_register_chain_type\0'))
  return builtIn
}
