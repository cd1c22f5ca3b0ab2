// SPDX-License-Identifier: Apache-2.0
// A second network beside the world's bridge, on which addresses of the first may be used again.

import { must } from '../../world/running.ts'
import type { World } from '../../world/world.ts'

export interface Addresses {
  readonly ipv4: string
  readonly ipv6: string
}

export class Segment {
  readonly #bridge: string
  readonly #netns: string
  #devices = 0

  /** The bridge lives in a network namespace of its own, so that it goes with the world's. */
  constructor(world: World, name: string) {
    this.#bridge = 'br0'
    this.#netns = `${world.prefix}-segment-${name}`
  }

  async open(): Promise<void> {
    await must(['ip', 'netns', 'add', this.#netns])
    await must([
      'ip',
      '-n',
      this.#netns,
      'link',
      'add',
      this.#bridge,
      'type',
      'bridge',
      'mcast_snooping',
      '0'
    ])
    await must(['ip', '-n', this.#netns, 'link', 'set', this.#bridge, 'up'])
  }

  /** Makes a network namespace with an eth0 on this network; without a default route. */
  async connect(netns: string, addresses: Addresses): Promise<void> {
    await must(['ip', 'netns', 'add', netns])
    await must(['ip', '-n', netns, 'link', 'set', 'lo', 'up'])
    await this.attach(netns, 'eth0', addresses)
  }

  /** Gives a network namespace another device, on this network. */
  async attach(netns: string, name: string, { ipv4, ipv6 }: Addresses): Promise<void> {
    const device = `v${this.#devices++}`
    const inside = [
      `link set ${name} up`,
      `addr add ${ipv4}/20 dev ${name}`,
      `addr add ${ipv6}/64 dev ${name} nodad`
    ]
    const pair = ['type', 'veth', 'peer', 'name', name, 'netns', netns]
    await must(['ip', '-n', this.#netns, 'link', 'add', device, ...pair])
    await must(['ip', '-n', this.#netns, 'link', 'set', device, 'master', this.#bridge, 'up'])
    await must(['ip', '-n', netns, '-batch', '-'], inside.join('\n'))
  }
}
