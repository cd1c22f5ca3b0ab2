// SPDX-License-Identifier: Apache-2.0
// The addresses of a cluster: one bridge that is the node's address, the pods' gateway, and the API server's. There is
// no kube-proxy: the first service address, which every client of the API dials, is an address of the node itself.

import { existsSync, readFileSync } from 'node:fs'
import { chooseSubnets, uniqueMac } from '../../world/name.ts'

export interface Network {
  readonly bridge: string
  /** The node's own address, also the pods' gateway. */
  readonly node: readonly string[]
  readonly pods: readonly string[]
  readonly services: readonly string[]
  /** Of the Service "kubernetes"; the API server listens here. */
  readonly api: string
}

/** Hosts 1 to 2047 of a /20 are pods, the last 256 are services. */
const SERVICES = 3840

function hasIpv6(): boolean {
  const disabled = '/proc/sys/net/ipv6/conf/all/disable_ipv6'
  return existsSync(disabled) && readFileSync(disabled, 'utf8').trim() === '0'
}

export function chooseNetwork(prefix: string): Network {
  const { ipv4, ipv6 } = chooseSubnets()
  const families = hasIpv6() ? 2 : 1
  return {
    bridge: `${prefix}br`,
    node: [ipv4(1), ipv6(1)].slice(0, families),
    pods: [`${ipv4(0)}/21`, `${ipv6(0).replace(/0$/, '')}/112`].slice(0, families),
    services: [`${ipv4(SERVICES)}/24`, `${ipv6(1).replace(/1$/, '5:0')}/112`].slice(0, families),
    api: ipv4(SERVICES + 1)
  }
}

/** Commands of `ip -batch` that make the bridge. */
export function bridgeCommands({ bridge, node, api }: Network): string[] {
  return [
    `link add ${bridge} address ${uniqueMac()} type bridge mcast_snooping 0`,
    ...node.map(
      (address) => `addr add ${address}/${address.includes(':') ? '112 nodad' : '21'} dev ${bridge}`
    ),
    `addr add ${api}/32 dev ${bridge}`,
    `link set ${bridge} up`
  ]
}

/** The configuration of the CNI plugins. */
export function cniConfiguration(network: Network, directory: string): object {
  return {
    cniVersion: '0.4.0',
    name: network.bridge,
    plugins: [
      {
        type: 'bridge',
        bridge: network.bridge,
        isGateway: true,
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: `${directory}/addresses`,
          ranges: network.pods.map((subnet) => [{ subnet }]),
          routes: network.pods.map((subnet) => ({ dst: subnet.includes(':') ? '::/0' : '0.0.0.0/0' }))
        }
      }
    ]
  }
}
