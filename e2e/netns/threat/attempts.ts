// SPDX-License-Identifier: Apache-2.0
// What a pod may try to reach a server without ztunnel, and who lets the packet out.

import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { DIAL, Place } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import type { World } from '../../world/world.ts'
import type { Family } from '../setup/mesh.ts'

export interface Target {
  readonly world: World
  readonly family: Family
  /** The server's. */
  readonly address: string
  readonly port: number
}

export type Run = (pod: Pod, target: Target) => Promise<unknown>

export interface Attempt {
  readonly what: string
  /** Default both. */
  readonly families?: readonly Family[]
  /** What the pod does to itself before and, so that the next attempt finds it as it was, afterwards. */
  readonly before?: Run
  readonly run: Run
  readonly after?: Run
  /** Whose rules let the packet out to the server, in the clear. Nobody's: nothing is written here. */
  readonly leaks?: readonly ('sluice' | 'iptables')[]
  /** The agent tells of it: a pattern of a condition of the pod, "kind: message". */
  readonly told?: (family: Family) => string
}

/** Somebody listens there on the server, for a first connect. */
export const GREETER = 8080
/** Link-local addresses of the server; the pods have a route to them. */
export const LINK_LOCAL = { ipv4: '169.254.77.1', ipv6: 'fe80::77:1' } as const

const V4: readonly Family[] = ['ipv4']
const V6: readonly Family[] = ['ipv6']
const FOREIGN = { ipv4: '198.51.100.7', ipv6: '2001:db8::7' } as const
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const
export const PATIENCE = ['--no-data', '--timeout', 300] as const

const SOL_IP = 0
const IP_OPTIONS = 4
const SOL_IPV6 = 41
const IPV6_RTHDR = 57

export const by =
  (...options: readonly (string | number)[]): Run =>
  (pod, { address, port }) =>
    pod.connect(address, port, ...options, ...PATIENCE)

const raw =
  (kind: 'tcp' | 'header' | 'packet'): Run =>
  (pod, { address, port }) =>
    pod.dial('raw', kind, address, port)

/** The command of a connect, run by another program. */
export const under =
  (...argv: readonly string[]): Run =>
  (pod, { address, port }) =>
    pod.exec([...argv, DIAL, 'connect', address, port, ...PATIENCE])

/** Processes of another cgroup in the pod's network namespace. */
const from =
  (cgroup: (pod: Pod, world: World) => string): Run =>
  async (pod, { world, address, port }) => {
    const place = new Place(pod.name, cgroup(pod, world), pod.netns)
    await place.makeCgroup()
    await place.connect(address, port, ...PATIENCE)
  }

function neighbour(world: World): Pod {
  const found = world.pods.find(({ name }) => name === 'neighbour')
  if (found === undefined) throw new Error('neighbour: no such pod')
  return found
}

/** A process with a socket that it has made already. */
const moved: Run = async (pod, { world, address, port }) => {
  const client = pod.startDial('connect', address, port, '--wait-line', ...PATIENCE)
  await client.waitForEvent('waiting')
  await neighbour(world).adopt(client.pid)
  client.write('\n')
  await client.finished()
}

/** By SCM_RIGHTS, from who makes it to who uses it. */
async function passed(maker: Pod, user: Pod, target: Target, ...options: string[]): Promise<void> {
  const { world, family, address, port } = target
  const path = join(world.runDirectory, `passed-${port}`)
  const received = user.dial('receive-socket', path, '--', address, port, ...options, ...PATIENCE)
  await maker.dial('pass-socket', path, family)
  await received
}

/** A network namespace of the pod's own making that has a way out of its own. */
const nested: Run = async (pod, { world, address, port }) => {
  const netns = `${world.prefix}-nested-${port}`
  await world.bridge.connect(netns, world.bridge.allocate())
  await new Place(pod.name, pod.cgroup, netns).connect(address, port, ...PATIENCE)
}

const twice =
  (kind: '--again' | '--after-failure'): Run =>
  (pod, { family, address, port }) => {
    const first = kind === '--again' ? [address, GREETER] : [LOOPBACK[family], 9]
    return pod.dialAll('connect', ...first, kind, address, port, ...PATIENCE)
  }

/** A socket option with which packets travel by way of that address: RFC 791 source route, RFC 8754 segment routing. */
export function routeOption(hop: string): string {
  if (hop.includes(':')) return `${SOL_IPV6}:${IPV6_RTHDR}:hex=0002040000000000${segmentOf(hop)}`
  return `${SOL_IP}:${IP_OPTIONS}:hex=830704${bytesOf(hop)}00`
}

/** A connection to the pod itself, by way of the server. */
const route: Run = (pod, { family, address, port }) =>
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
  { what: 'a second connect after AF_UNSPEC', run: twice('--again') },
  { what: 'a second connect after a failure', run: twice('--after-failure') },
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
  // IPv4 itself refuses.
  { what: 'a source of loopback', families: V6, run: by('--bind', LOOPBACK.ipv6) },
  {
    what: 'a link-local address',
    // Until its own is known to be no other's it cannot be a source.
    before: (pod) => expect.poll(() => pod.ip('-6', 'addr', 'show', 'tentative')).toBe(''),
    run: (pod, target) => {
      const scope = target.family === 'ipv6' ? '%eth0' : ''
      return by()(pod, { ...target, address: LINK_LOCAL[target.family] + scope })
    }
  },
  { what: 'a route in the packet', run: route },
  { what: 'a cgroup namespace of its own', run: under('unshare', '--cgroup') },
  { what: 'a user namespace of its own', run: under('unshare', '--user', '--map-root-user') },
  { what: 'a network namespace of its own', run: nested, leaks: ['iptables'] },
  {
    what: 'another pod’s network namespace',
    run: (pod, { world, address, port }) =>
      new Place(pod.name, pod.cgroup, neighbour(world).netns).connect(address, port, ...PATIENCE),
    leaks: ['sluice', 'iptables']
  },
  { what: 'a cgroup made in its own', run: from((pod) => join(pod.cgroup, 'inner')) },
  { what: 'the cgroup of another pod', run: from((_, world) => neighbour(world).cgroup) },
  { what: 'a process that was moved there', run: moved },
  { what: 'a socket handed out', run: (pod, target) => passed(pod, neighbour(target.world), target) },
  {
    what: 'a socket handed out, and io_uring with a thread of its own',
    run: (pod, target) => passed(pod, neighbour(target.world), target, '--uring-sqpoll')
  },
  {
    what: 'a socket that another pod hands in',
    run: (pod, target) => passed(neighbour(target.world), pod, target),
    leaks: ['sluice', 'iptables']
  },
  { what: 'the cgroup of kubepods', run: from((pod) => dirname(dirname(pod.podCgroup))) },
  { what: 'a cgroup outside kubepods', run: from((_, world) => world.host.cgroup), leaks: ['sluice'] },
  { what: 'a raw TCP socket', run: raw('tcp'), leaks: ['sluice'] },
  { what: 'a raw socket with a header of its own', run: raw('header'), leaks: ['sluice'] },
  { what: 'AF_PACKET', run: raw('packet'), leaks: ['sluice', 'iptables'] }
]
