// SPDX-License-Identifier: Apache-2.0
// Istio's own way to capture a pod, as a baseline to compare with and to test a ztunnel without the agent.

import type { Place } from './place.ts'

const FAMILIES = [
  { iptables: 'iptables', ip: 'ip -4', loopback: '127.0.0.1' },
  { iptables: 'ip6tables', ip: 'ip -6', loopback: '::1' }
]

/** Sends everything of the pod to ztunnel's ports, and ztunnel's spoofed connections' replies back to it. */
export async function captureByIptables(pod: Place): Promise<void> {
  for (const { iptables, ip, loopback } of FAMILIES) {
    await shell(
      pod,
      `${ip} rule add fwmark 0x111/0xfff pref 32764 lookup 100`,
      `${ip} route add local default dev lo table 100`,
      `${iptables} -t raw -A OUTPUT -p udp -m mark --mark 0x539/0xfff --dport 53 -j CT --zone 1`,
      `${iptables} -t raw -A PREROUTING -p udp -m mark ! --mark 0x539/0xfff --sport 53 -j CT --zone 1`,
      `${iptables} -t mangle -A PREROUTING -m mark --mark 0x539/0xfff -j CONNMARK --set-xmark 0x111/0xfff`,
      `${iptables} -t mangle -A OUTPUT -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark`,
      `${iptables} -t nat -A PREROUTING -p tcp ! -d ${loopback} -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15006`,
      `${iptables} -t nat -A OUTPUT ! -o lo -p udp -m mark ! --mark 0x539/0xfff --dport 53 -j REDIRECT --to-ports 15053`,
      `${iptables} -t nat -A OUTPUT ! -d ${loopback} -p tcp --dport 53 -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15053`,
      `${iptables} -t nat -A OUTPUT -p tcp -m mark --mark 0x111/0xfff -j ACCEPT`,
      `${iptables} -t nat -A OUTPUT ! -d ${loopback} -o lo -j ACCEPT`,
      `${iptables} -t nat -A OUTPUT -p tcp ! -d ${loopback} -m mark ! --mark 0x539/0xfff -j REDIRECT --to-ports 15001`
    )
  }
}

async function shell(pod: Place, ...commands: readonly string[]): Promise<void> {
  const { code, stderr } = await pod.exec(['sh', '-ec', commands.join('\n')])
  if (code !== 0) throw new Error(`iptables in ${pod.name}: ${stderr}`)
}
