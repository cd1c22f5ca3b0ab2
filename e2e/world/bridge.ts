// SPDX-License-Identifier: Apache-2.0
// The node's network: one bridge, and for each pod a network namespace with a veth into it.

import { type Subnets, uniqueMac } from './name.ts'
import { must } from './running.ts'

export interface Addresses {
  readonly ipv4: string | undefined
  readonly ipv6: string | undefined
}

export class Bridge {
  readonly name: string
  readonly ipv4: string
  readonly ipv6: string
  readonly #subnets: Subnets
  #hosts = 1
  #devices = 0

  constructor(prefix: string, subnets: Subnets) {
    this.name = `${prefix}br`
    this.#subnets = subnets
    this.ipv4 = subnets.ipv4(1)
    this.ipv6 = subnets.ipv6(1)
  }

  async open(): Promise<void> {
    const { name } = this
    await must(['ip', 'link', 'add', name, 'address', uniqueMac(), 'type', 'bridge', 'mcast_snooping', '0'])
    const commands = [
      `addr add ${this.ipv4}/${this.#subnets.ipv4Length} dev ${name}`,
      `addr add ${this.ipv6}/${this.#subnets.ipv6Length} dev ${name} nodad`,
      `link set ${name} up`
    ]
    await must(['ip', '-batch', '-'], commands.join('\n'))
  }

  /** The next free pair of addresses. */
  allocate(): { ipv4: string; ipv6: string } {
    const number = ++this.#hosts
    return { ipv4: this.#subnets.ipv4(number), ipv6: this.#subnets.ipv6(number) }
  }

  /** Makes the network namespace, with lo and eth0 up, addresses and default routes. */
  async connect(netns: string, { ipv4, ipv6 }: Addresses): Promise<void> {
    const device = `${this.name.slice(0, -2)}v${(this.#devices++).toString(36)}`
    const host = [
      `netns add ${netns}`,
      `link add ${device} type veth peer name eth0 netns ${netns}`,
      `link set ${device} master ${this.name} up`
    ]
    await must(['ip', '-batch', '-'], host.join('\n'))
    const inside = ['link set lo up', 'link set eth0 up']
    if (ipv4)
      inside.push(
        `addr add ${ipv4}/${this.#subnets.ipv4Length} dev eth0`,
        `route add default via ${this.ipv4}`
      )
    if (ipv6) {
      inside.push(`addr add ${ipv6}/${this.#subnets.ipv6Length} dev eth0 nodad`)
      inside.push(`route add ::/0 via ${this.ipv6} dev eth0`)
    }
    await must(['ip', '-n', netns, '-batch', '-'], inside.join('\n'))
  }

  async disconnect(netns: string): Promise<void> {
    await must(['ip', 'netns', 'del', netns])
  }
}
