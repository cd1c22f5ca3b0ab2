// SPDX-License-Identifier: Apache-2.0
// What istio-cni writes into a pod, chain by chain, in each of the three ways in which a node can have it.

import { resolve } from 'node:path'
import { must } from '../../world/running.ts'

export const FLAVOURS = ['iptables-nft', 'iptables-legacy', 'nft'] as const
export type Flavour = (typeof FLAVOURS)[number]

const FAMILIES = [
  { four: true, loopback: '127.0.0.1/32', ip: ['ip', '-4'] },
  { four: false, loopback: '::1/128', ip: ['ip', '-6'] }
]

function restored(loopback: string): string {
  return `*raw
:ISTIO_PRERT - [0:0]
:ISTIO_OUTPUT - [0:0]
-A PREROUTING -j ISTIO_PRERT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -p udp -m mark --mark 0x539/0xfff -m udp --dport 53 -j CT --zone 1
-A ISTIO_PRERT -p udp -m mark ! --mark 0x539/0xfff -m udp --sport 53 -j CT --zone 1
COMMIT
*mangle
:ISTIO_PRERT - [0:0]
:ISTIO_OUTPUT - [0:0]
-A PREROUTING -j ISTIO_PRERT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_PRERT -m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff
-A ISTIO_OUTPUT -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff
COMMIT
*nat
:ISTIO_PRERT - [0:0]
:ISTIO_OUTPUT - [0:0]
-A PREROUTING -j ISTIO_PRERT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_PRERT ! -d ${loopback} -p tcp -m tcp ! --dport 15008 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006
-A ISTIO_OUTPUT ! -o lo -p udp -m mark ! --mark 0x539/0xfff -m udp --dport 53 -j REDIRECT --to-ports 15053
-A ISTIO_OUTPUT ! -d ${loopback} -p tcp -m tcp --dport 53 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15053
-A ISTIO_OUTPUT -p tcp -m mark --mark 0x111/0xfff -j ACCEPT
-A ISTIO_OUTPUT ! -d ${loopback} -o lo -j ACCEPT
-A ISTIO_OUTPUT ! -d ${loopback} -p tcp -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15001
COMMIT
`
}

const NFT = `table inet istio-ambient-nat {
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    meta l4proto tcp ip daddr != 127.0.0.1 tcp dport != 15008 meta mark & 0xfff != 0x539 redirect to :15006
    meta l4proto tcp ip6 daddr != ::1 tcp dport != 15008 meta mark & 0xfff != 0x539 redirect to :15006
  }
  chain output { type nat hook output priority -100; policy accept;
    meta l4proto tcp meta mark & 0xfff == 0x111 accept
    oifname lo accept
    meta l4proto tcp meta mark & 0xfff != 0x539 redirect to :15001
  }
}
table inet istio-ambient-mangle {
  chain prerouting { type filter hook prerouting priority mangle; policy accept;
    meta mark & 0xfff == 0x539 ct mark set 0x111
  }
}
`

/** By its name, or the path of its file. */
interface Inside {
  readonly netns: string
}

function within({ netns }: Inside, argv: readonly string[], input?: string): Promise<unknown> {
  return must(['nsenter', `--net=${resolve('/run/netns', netns)}`, '--', ...argv], input)
}

export async function addIstioRules(pod: Inside, flavour: Flavour): Promise<void> {
  for (const { four, loopback, ip } of FAMILIES) {
    if (flavour !== 'nft') await within(pod, [restore(flavour, four), '--noflush'], restored(loopback))
    await within(pod, [...ip, 'rule', 'add', 'fwmark', '0x111/0xfff', 'pref', '32764', 'lookup', '100'])
    await within(pod, [...ip, 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', '100'])
  }
  if (flavour === 'nft') await within(pod, ['nft', '-f', '-'], NFT)
}

export async function removeIstioRules(pod: Inside, flavour: Flavour): Promise<void> {
  for (const { four, ip } of FAMILIES) {
    const empty = ['raw', 'mangle', 'nat'].map((table) => `*${table}\nCOMMIT\n`).join('')
    if (flavour !== 'nft') await within(pod, [restore(flavour, four)], empty)
    await within(pod, [...ip, 'rule', 'del', 'pref', '32764'])
    await within(pod, [...ip, 'route', 'flush', 'table', '100'])
  }
  if (flavour === 'nft') await within(pod, ['nft', 'flush', 'ruleset'])
}

function restore(flavour: Exclude<Flavour, 'nft'>, four: boolean): string {
  return `${flavour.replace('iptables', four ? 'iptables' : 'ip6tables')}-restore`
}
