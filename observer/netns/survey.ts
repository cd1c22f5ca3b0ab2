// SPDX-License-Identifier: Apache-2.0
// What a network namespace is like, as far as steering depends on it.

import type { Address, Netns } from '#native'
import { canonicalText } from '../maps/address.ts'
import { MORE_ADDRESSES, type PodAddresses } from '../maps/pod-entries.ts'
import { readNetns } from './read.ts'

/** Everything about a namespace that the plan depends on, in one visit. */
const SURVEY = [
  { op: 'cookie' },
  { op: 'addresses' },
  { op: 'get-sysctl', name: 'net.ipv6.fwmark_reflect' },
  { op: 'get-sysctl', name: 'net.ipv6.conf.lo.disable_ipv6' }
] as const

export interface Surveyed {
  readonly cookie: bigint
  readonly addresses: PodAddresses
  /** How many further addresses there are beyond those. */
  readonly unlisted: number
  readonly ipv6Supported: boolean
  /** lo may have IPv6 disabled where other devices have it. */
  readonly ipv6OnLo: boolean
}

/**
 * @param preferred what the source says the pod's addresses are; may be empty
 * @throws SluiceError SLUICE_ERR_NETNS_TOO_LARGE
 */
export async function survey(netns: Netns, preferred: readonly string[]): Promise<Surveyed> {
  const [cookie, addresses, reflect, loDisabled] = await readNetns(netns, SURVEY)
  return {
    cookie,
    ...podAddresses(addresses, preferred),
    ipv6Supported: reflect !== undefined,
    ipv6OnLo: loDisabled !== '1'
  }
}

/** Not scope "host": an address of that scope is one that the pod has given itself (`ip address add ... scope host`). */
function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

/**
 * One address for each family: the one that the source names, else the first global one. Of all others only so many
 * that one pod leaves room for the next; first those that can be dialled without a scope.
 */
export function podAddresses(
  addresses: readonly Address[],
  preferred: readonly string[]
): Pick<Surveyed, 'addresses' | 'unlisted'> {
  const names = preferred.map(canonicalText)
  const own = addresses.filter(({ address }) => !isLoopback(address))
  const choose = (family: Address['family']) => {
    const global = own.filter((each) => each.family === family && each.scope === 'global')
    return (global.find(({ address }) => names.includes(address)) ?? global[0])?.address
  }
  const ipv4 = choose('ipv4')
  const ipv6 = choose('ipv6')
  const { link = [], other = [] } = Object.groupBy(own, ({ scope }) => (scope === 'link' ? 'link' : 'other'))
  const texts = new Set([...other, ...link].map(({ address }) => address))
  const further = [...texts].filter((address) => address !== ipv4 && address !== ipv6)
  const more = further.slice(0, MORE_ADDRESSES)
  const both = [ipv4, ipv6].filter((address) => address !== undefined)
  const named = names.length === 0 ? undefined : both.filter((address) => names.includes(address))
  return { addresses: { ipv4, ipv6, more, named }, unlisted: further.length - more.length }
}
