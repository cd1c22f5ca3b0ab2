// SPDX-License-Identifier: Apache-2.0
// What a pod may try that has CAP_NET_ADMIN in its own network namespace, or CAP_BPF as well.

import { join } from 'node:path'
import { mountPoint } from '../../world/mounts.ts'
import { DIAL } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { must } from '../../world/running.ts'
import type { Family } from '../setup/mesh.ts'
import { type Attempt, by, PATIENCE, type Run, under } from './attempts.ts'

const DIVERT = join(import.meta.dirname, '../../../build/kernel-test/divert.bpf.o')
const UNDER = join(import.meta.dirname, 'under.ts')
const TABLE = { ipv4: 'ip', ipv6: 'ip6' } as const
const FORWARDING = { ipv4: 'net.ipv4.ip_forward', ipv6: 'net.ipv6.conf.all.forwarding' } as const
/** Of a device whose packets a process makes: its own address, and the source of those packets. */
const TUNNEL = { ipv4: ['198.18.7.1/30', '198.18.7.2'], ipv6: ['fd18::1/64', 'fd18::2'] } as const
/** SO_PRIORITY: the index of eth0, for the program that diverts. */
const PRIORITY = '1:12:%eth0'

const BPF_ALONE = ['setpriv', '--bounding-set=-all,+bpf,+net_admin', '--inh-caps=-all,+bpf,+net_admin']

function within(pod: Pod, argv: readonly string[], input?: string): Promise<unknown> {
  return must([DIAL, 'enter', '-', pod.netns, '--', ...argv], input)
}

const ip =
  (...args: readonly (string | number)[]): Run =>
  (pod, { family }) =>
    pod.ip(`-${family.at(-1)}`, ...args)

const tc =
  (...args: readonly string[]): Run =>
  (pod) =>
    within(pod, [...BPF_ALONE, 'tc', ...args])

/** A chain that sees what the pod sends. */
const chain =
  (hook: string, rule: (pod: Pod, target: Parameters<Run>[1]) => string): Run =>
  (pod, target) => {
    const table = `table ${TABLE[target.family]} mine { chain out { type ${hook}; ${rule(pod, target)}; }\n}\n`
    return within(pod, ['nft', '-f', '-'], table)
  }

const noChain: Run = (pod, { family }) => within(pod, ['nft', 'delete', 'table', TABLE[family], 'mine'])

const marking =
  (command: '-A' | '-D'): Run =>
  (pod, { family }) => {
    const tool = family === 'ipv4' ? 'iptables-nft' : 'ip6tables-legacy'
    return within(pod, [tool, '-w', '-t', 'mangle', command, 'OUTPUT', '-j', 'MARK', '--set-mark', '0x539'])
  }

/** Nobody hears the pod's SYN: it is sent again after a second. */
const silence =
  (command: '-I' | '-D'): Run =>
  (pod, { family }) => {
    const tool = family === 'ipv4' ? 'iptables' : 'ip6tables'
    return within(pod, [tool, '-w', command, 'INPUT', '-i', 'lo', '-p', 'tcp', '--syn', '-j', 'DROP'])
  }

/** By a process that has nothing but these two capabilities, and sees its cgroup read-only, as containers do. */
const program =
  (name: (family: Family) => string): Run =>
  (pod, target) => {
    const readOnly = ['unshare', '--mount', 'sh', '-ec', 'mount -o remount,bind,ro "$0"; exec "$@"']
    const argv = [...BPF_ALONE, process.execPath, UNDER, name(target.family), pod.cgroup]
    return under(...readOnly, mountPoint('cgroup2'), ...argv)(pod, target)
  }

const withoutNat: Run = (pod, target) => {
  const tables = target.family === 'ipv4' ? 'iptables' : 'ip6tables'
  const script = `saved=$(${tables}-save -t nat); ${tables} -w -t nat -F; "$@"; echo "$saved" | ${tables}-restore -w`
  return under('sh', '-c', script, 'sh')(pod, target)
}

const openTunnel: Run = async (pod, { family }) => {
  await pod.ip('tuntap', 'add', 'dev', 'tun0', 'mode', 'tun')
  await pod.ip('addr', 'add', TUNNEL[family][0], 'dev', 'tun0')
  await pod.ip('link', 'set', 'tun0', 'up')
  await pod.sysctl(FORWARDING[family], 1)
}

const closeTunnel: Run = async (pod, { family }) => {
  await pod.sysctl(FORWARDING[family], 0)
  await pod.ip('link', 'del', 'tun0')
}

export const CAPABLE: readonly Attempt[] = [
  {
    what: 'the nat table emptied',
    run: withoutNat,
    leaks: ['iptables']
  },
  {
    what: 'a mark and a device, set while the SYN is unanswered',
    before: silence('-I'),
    run: (pod, { address, port }) => {
      const options = ['--set-after', 'SO_MARK:0x539', '--set-after', 'SO_BINDTODEVICE:eth0']
      return pod.connect(address, port, ...options, '--no-data', '--timeout', 1500)
    },
    after: silence('-D')
  },
  {
    what: 'a rule before ours',
    before: ip('rule', 'add', 'pref', 0, 'lookup', 'main'),
    run: by(),
    after: ip('rule', 'del', 'pref', 0, 'lookup', 'main'),
    leaks: ['sluice'],
    told: () => 'routing: .* comes before ours'
  },
  {
    what: 'nftables that change marks',
    before: chain('route hook output priority mangle', () => 'meta mark set 0x539'),
    run: by(),
    after: noChain,
    leaks: ['sluice', 'iptables'],
    told: (family) => `routing: .*nft table ${family} mine changes marks`
  },
  {
    what: 'iptables that change marks',
    before: marking('-A'),
    run: by(),
    after: marking('-D'),
    leaks: ['sluice', 'iptables'],
    told: (family) =>
      `routing: .*${family === 'ipv4' ? 'nft' : 'legacy'} table ${family} mangle changes marks`
  },
  {
    what: 'DNAT of an own address',
    before: chain('nat hook output priority -110', (pod, { family, address, port }) => {
      const own = `${TABLE[family]} daddr ${pod.address(family)}`
      return `${own} tcp dport ${port} dnat to ${address}`
    }),
    run: (pod, { family, port }) => pod.connect(pod.address(family), port, ...PATIENCE),
    after: noChain,
    leaks: ['sluice', 'iptables'],
    told: (family) => `partial: .*nft table ${family} mine rewrites destinations`
  },
  {
    what: 'a packet that it forwards',
    before: openTunnel,
    run: (pod, { family, address, port }) => pod.dial('raw', 'tun', address, port, TUNNEL[family][1]),
    after: closeTunnel,
    leaks: ['sluice'],
    told: (family) => `partial: .*it has forwarded ${family === 'ipv4' ? 'IPv4' : 'IPv6'} packets`
  },
  {
    what: 'a program of its own that takes the mark off before our hook',
    run: program((family) => (family === 'ipv4' ? 'before4' : 'before6'))
  },
  {
    what: 'a program of its own that takes the mark off after our hook',
    run: program(() => 'after'),
    leaks: ['sluice']
  },
  {
    what: 'a program of its own on lo',
    before: async (pod, target) => {
      await tc('qdisc', 'add', 'dev', 'lo', 'clsact')(pod, target)
      const filter = ['filter', 'add', 'dev', 'lo', 'egress', 'bpf', 'direct-action']
      await tc(...filter, 'object-file', DIVERT, 'section', 'tc')(pod, target)
    },
    run: by('--set-before', PRIORITY),
    after: tc('qdisc', 'del', 'dev', 'lo', 'clsact'),
    leaks: ['sluice']
  }
]
