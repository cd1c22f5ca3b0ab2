// SPDX-License-Identifier: Apache-2.0
// Names and addresses that two worlds side by side do not share.

import { randomBytes, randomInt } from 'node:crypto'
import { networkInterfaces } from 'node:os'

/** "sl" + the process + two random digits: at most 9 characters, so that a device's name has room for more. */
export function uniquePrefix(): string {
  return `sl${process.pid.toString(36).slice(-4)}${randomBytes(2).toString('hex').slice(0, 3)}`
}

export interface Subnets {
  /** Address of the n-th host; 1 is the bridge. At most 4000 hosts. */
  readonly ipv4: (host: number) => string
  readonly ipv4Length: 20
  readonly ipv6: (host: number) => string
  readonly ipv6Length: 64
}

/** A random private /20 and a unique-local /64 that no interface of this machine has. */
export function chooseSubnets(): Subnets {
  const taken = Object.values(networkInterfaces()).flatMap(
    (list) => list?.map(({ address }) => address) ?? []
  )
  for (;;) {
    const second = randomInt(64, 250)
    const third = randomInt(0, 16) * 16
    const ipv4 = (host: number) => `10.${second}.${third + (host >> 8)}.${host & 255}`
    if (taken.includes(ipv4(1))) continue
    const site = randomBytes(5).toString('hex')
    const global = `fd${site.slice(0, 2)}:${hextet(site.slice(2, 6))}:${hextet(site.slice(6, 10))}`
    return { ipv4, ipv4Length: 20, ipv6: (host) => `${global}::${host.toString(16)}`, ipv6Length: 64 }
  }
}

/** As inet_ntop writes it. */
function hextet(digits: string): string {
  return Number.parseInt(digits, 16).toString(16)
}

/**
 * For a bridge: one that is given no address takes that of a port, another whenever a pod comes or goes, and pods then
 * send to the former one until they ask again, half a minute later.
 */
export function uniqueMac(): string {
  return ['02', ...(randomBytes(5).toString('hex').match(/../g) ?? [])].join(':')
}
