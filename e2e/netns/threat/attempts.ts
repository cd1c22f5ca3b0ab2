// SPDX-License-Identifier: Apache-2.0
// What a pod may try to reach a server without ztunnel, and who lets the packet out.

import { dirname } from 'node:path'
import { DIAL, Place } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import type { World } from '../../world/world.ts'
import { FAMILIES, type Family } from '../setup/mesh.ts'

export interface Target {
  readonly world: World
  readonly family: Family
  readonly address: string
  readonly port: number
}

export interface Attempt {
  readonly what: string
  /** Default both. */
  readonly families?: readonly Family[]
  readonly run: (pod: Pod, target: Target) => Promise<unknown>
  /** Whose rules let the packet out to the server, in the clear. Nobody's: nothing is written here. */
  readonly leaks?: readonly ('sluice' | 'iptables')[]
}

const V4: readonly Family[] = ['ipv4']
const V6: readonly Family[] = ['ipv6']
const FOREIGN = { ipv4: '198.51.100.7', ipv6: '2001:db8::7' } as const
const PATIENCE = ['--no-data', '--timeout', 300] as const

const SOL_IP = 0
const IP_OPTIONS = 4
const SOL_IPV6 = 41
const IPV6_RTHDR = 57

const by =
  (...options: readonly (string | number)[]): Attempt['run'] =>
  (pod, { address, port }) =>
    pod.connect(address, port, ...options, ...PATIENCE)

const raw =
  (kind: 'tcp' | 'header' | 'packet'): Attempt['run'] =>
  (pod, { address, port }) =>
    pod.dial('raw', kind, address, port)

/** The command of a connect, run by another program. */
const under =
  (...argv: readonly string[]): Attempt['run'] =>
  (pod, { address, port }) =>
    pod.exec([...argv, DIAL, 'connect', address, port, ...PATIENCE])

/** Processes of another cgroup in the pod's network namespace. */
const from =
  (cgroup: (pod: Pod, world: World) => string): Attempt['run'] =>
  (pod, { world, address, port }) =>
    new Place(pod.name, cgroup(pod, world), pod.netns).connect(address, port, ...PATIENCE)

/** A socket option with which packets travel by way of that address: RFC 791 source route, RFC 8754 segment routing. */
export function routeOption(hop: string): string {
  if (hop.includes(':')) return `${SOL_IPV6}:${IPV6_RTHDR}:hex=0002040000000000${segmentOf(hop)}`
  return `${SOL_IP}:${IP_OPTIONS}:hex=830704${bytesOf(hop)}00`
}

/** A connection to the pod itself, by way of the server. */
const route: Attempt['run'] = (pod, { family, address, port }) =>
  pod.connect(pod.address(family), port, '--set-before', routeOption(address), ...PATIENCE)

function bytesOf(ipv4: string): string {
  return Buffer.from(ipv4.split('.').map(Number)).toString('hex')
}

function segmentOf(ipv6: string): string {
  const [front = '', back = ''] = ipv6.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const zeros = Array<string>(8 - groups(front).length - groups(back).length).fill('0')
  const all = ipv6.includes('::') ? [...groups(front), ...zeros, ...groups(back)] : groups(ipv6)
  return all.map((group) => group.padStart(4, '0')).join('')
}

export const ATTEMPTS: readonly Attempt[] = [
  { what: 'a connect', run: by() },
  {
    what: 'an IPv4-mapped address',
    families: V4,
    run: (pod, target) => by()(pod, { ...target, address: `::ffff:${target.address}` })
  },
  { what: 'a non-blocking connect', run: by('--nonblock') },
  { what: 'io_uring', run: by('--uring') },
  { what: 'io_uring with a thread of its own', run: by('--uring-sqpoll') },
  { what: 'data in the SYN (MSG_FASTOPEN)', run: by('--tfo') },
  { what: 'data in the SYN (TCP_FASTOPEN_CONNECT)', run: by('--set-before', '6:30:1', '--send', 'x') },
  { what: 'MPTCP', run: by('--mptcp') },
  { what: 'MPTCP with data in the SYN', run: by('--mptcp', '--tfo') },
  { what: 'TCP_REPAIR', run: by('--set-before', '6:19:1', '--set-after', '6:19:0') },
  { what: 'SO_MARK 0x539', run: by('--mark', '0x539'), leaks: ['iptables'] },
  { what: 'SO_MARK 0x111', run: by('--mark', '0x111') },
  { what: 'SO_BINDTODEVICE', run: by('--device', 'eth0') },
  { what: 'a unicast interface', run: by('--unicast-if', 'eth0') },
  { what: 'SO_DONTROUTE', run: by('--dontroute') },
  {
    what: 'IP_FREEBIND and a source that is not the pod’s',
    // IPv4 itself refuses.
    families: V6,
    run: (pod, target) => by('--bind', FOREIGN[target.family], '--set-before', '0:15:1')(pod, target)
  },
  {
    what: 'IP_TRANSPARENT and a source that is not the pod’s',
    run: (pod, target) => {
      const option = target.family === 'ipv4' ? '0:19:1' : '41:75:1'
      return by('--bind', FOREIGN[target.family], '--set-before', option)(pod, target)
    }
  },
  { what: 'a route in the packet', run: route },
  { what: 'a cgroup namespace of its own', run: under('unshare', '--cgroup') },
  { what: 'a user namespace of its own', run: under('unshare', '--user', '--map-root-user') },
  { what: 'the cgroup of kubepods', run: from((pod) => dirname(dirname(pod.podCgroup))) },
  { what: 'a cgroup outside kubepods', run: from((_, world) => world.host.cgroup), leaks: ['sluice'] },
  { what: 'a raw TCP socket', run: raw('tcp'), leaks: ['sluice'] },
  { what: 'a raw socket with a header of its own', run: raw('header'), leaks: ['sluice'] },
  { what: 'AF_PACKET', run: raw('packet'), leaks: ['sluice', 'iptables'] }
]

export const CASES = ATTEMPTS.flatMap((attempt) =>
  (attempt.families ?? FAMILIES).map((family) => [attempt.what, family, attempt] as const)
)
