// SPDX-License-Identifier: Apache-2.0
// All that istio-cni writes into a pod of the mesh by default (DNS capture on, both families), in its order.

import type { Place } from '../world/place.ts'

interface Family {
  readonly ip: string
  readonly restore: string
  readonly localhost: string
  /** What probes come from, once the node has translated them. */
  readonly probes: string
}

const FAMILIES: readonly Family[] = [
  { ip: '-4', restore: 'iptables-restore', localhost: '127.0.0.1/32', probes: '169.254.7.127' },
  {
    ip: '-6',
    restore: 'ip6tables-restore',
    localhost: '::1/128',
    probes: 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff'
  }
]

const ZTUNNEL = '-m mark --mark 0x539/0xfff'
const OTHERS = '-m mark ! --mark 0x539/0xfff'

const CHAINS = [
  '-N ISTIO_PRERT',
  '-N ISTIO_OUTPUT',
  '-A PREROUTING -j ISTIO_PRERT',
  '-A OUTPUT -j ISTIO_OUTPUT'
]

function rules({ localhost, probes }: Family): string {
  const tables = {
    mangle: [
      `-A ISTIO_PRERT ${ZTUNNEL} -j CONNMARK --set-xmark 0x111/0xfff`,
      '-A ISTIO_OUTPUT -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark'
    ],
    nat: [
      `-A ISTIO_PRERT -s ${probes} -p tcp -j ACCEPT`,
      `-A ISTIO_PRERT ! -d ${localhost} -p tcp -m tcp ! --dport 15008 ${OTHERS} -j REDIRECT --to-ports 15006`,
      `-A ISTIO_OUTPUT -d ${probes} -p tcp -j ACCEPT`,
      `-A ISTIO_OUTPUT ! -o lo -p udp ${OTHERS} -m udp --dport 53 -j REDIRECT --to-ports 15053`,
      `-A ISTIO_OUTPUT ! -d ${localhost} -p tcp -m tcp --dport 53 ${OTHERS} -j REDIRECT --to-ports 15053`,
      '-A ISTIO_OUTPUT -p tcp -m mark --mark 0x111/0xfff -j ACCEPT',
      `-A ISTIO_OUTPUT ! -d ${localhost} -o lo -j ACCEPT`,
      `-A ISTIO_OUTPUT ! -d ${localhost} -p tcp ${OTHERS} -j REDIRECT --to-ports 15001`
    ],
    raw: [
      `-A ISTIO_OUTPUT -p udp ${ZTUNNEL} -m udp --dport 53 -j CT --zone 1`,
      `-A ISTIO_PRERT -p udp ${OTHERS} -m udp --sport 53 -j CT --zone 1`
    ]
  }
  const lines = Object.entries(tables).flatMap(([table, own]) => [`*${table}`, ...CHAINS, ...own, 'COMMIT'])
  return `${lines.join('\n')}\n`
}

/** @throws when the kernel or iptables refuses any of it */
export async function writeIstioRules(place: Place): Promise<void> {
  for (const family of FAMILIES) {
    await place.ip(family.ip, 'rule', 'add', 'fwmark', '0x111/0xfff', 'pref', 32764, 'lookup', 100)
    await place.ip(family.ip, 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', 100)
    const { code, stderr } = await place.exec([family.restore, '--noflush'], { input: rules(family) })
    if (code !== 0) throw new Error(`${family.restore} in ${place.name}: ${stderr}`)
  }
}
