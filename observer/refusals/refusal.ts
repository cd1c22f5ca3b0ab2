// SPDX-License-Identifier: Apache-2.0
// A connection, a question to a resolver or a socket option that a hook refused, in the observer's words.

import { type Addr, counter, type Refusal as RefusalRecord } from '#contract'
import { addressText } from '../maps/address.ts'

export interface Refusal {
  /** CLOCK_MONOTONIC ns. */
  readonly time: bigint
  /** Cookie of the network namespace that it happened in. */
  readonly netns: bigint
  /** Pod-level; undefined where the hook does not know it. */
  readonly cgroup: bigint | undefined
  /** By the names of enum counter, in lower case without COUNT_. */
  readonly reason: string
  /** Who dialled, or what was dialled; undefined for an option of a socket without a connection. */
  readonly peer: Endpoint | undefined
  /** Inbound only: where the pod was dialled. */
  readonly dialled: Endpoint | undefined
  /** Of the pod's side: not known of inbound connections. */
  readonly process: { readonly pid: number; readonly command: string } | undefined
}

export interface Endpoint {
  readonly address: string
  readonly port: number
}

const NAMES = new Map<number, string>(
  Object.entries(counter).map(([name, index]) => [index, name.slice('COUNT_'.length).toLowerCase()] as const)
)

export function refusalOf(record: RefusalRecord): Refusal {
  return {
    time: record.time,
    netns: record.netns,
    cgroup: record.cgroup === 0n ? undefined : record.cgroup,
    reason: NAMES.get(record.reason) ?? `reason ${record.reason}`,
    peer: endpointOf(record.peer, record.peer_port),
    dialled: endpointOf(record.dialled, record.dialled_port),
    process: record.pid === 0 ? undefined : { pid: record.pid, command: record.command }
  }
}

function endpointOf(addr: Addr, port: number): Endpoint | undefined {
  const address = addressText(addr)
  return address === undefined ? undefined : { address, port }
}

/** "10.0.0.1:80" or "[fd00::1]:80" */
export function endpointText({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** Counters of which every rise is one refusal that hooks tell of. */
export function isRefusal(name: string): boolean {
  return name.startsWith('refused_') || (name.startsWith('dropped_') && name !== 'dropped_assign')
}
