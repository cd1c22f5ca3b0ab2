// SPDX-License-Identifier: Apache-2.0
// SYNs for the listener lookup, and pods that they may reach.

import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { onTestFinished } from 'vitest'
import { layout, pod_flag } from '#contract'
import type { BpfObject } from '#native'
import { addressOf, NO_ADDRESS } from '../../observer/maps/address.ts'
import type { KernelMaps } from '../../observer/maps/kernel-maps.ts'
import { kernelObject, testObject } from './built.ts'

export const NETNS = 7_001n
export const LO = 'looped'
export const ETH = 'lookup'
const TCP = 6
export const UDP = 17
export const DROP = 0
export const PASS = 1

export interface Addresses {
  own: string
  more: string
  peer: string
  loopback: string
}

export const FAMILIES: Record<string, Addresses> = {
  ipv4: { own: '10.9.0.1', more: '10.8.0.1', peer: '10.9.0.2', loopback: '127.0.0.1' },
  ipv6: { own: 'fd00::1', more: 'fd08::1', peer: 'fd00::2', loopback: '::1' }
}

export interface Syn {
  src: string
  dst: string
  port: number
  /** The object that takes every SYN for one from there. */
  from: typeof LO | typeof ETH
  protocol?: number
}

export const SOURCE_PORT = 40_000

function bytesOf(ip: string): Uint8Array {
  return new Uint8Array(Uint32Array.from(addressOf(ip).word).buffer)
}

function networkOrder(port: number): number {
  return ((port & 0xff) << 8) | (port >> 8)
}

/** The key of the connection that it begins. */
export function connectionOf({ src, dst, port }: Syn) {
  const [sport, dport] = [SOURCE_PORT, port].map(networkOrder) as [number, number]
  return { netns: NETNS, src: addressOf(src), dst: addressOf(dst), sport, dport }
}

/** struct bpf_sk_lookup, in the host's order but for addresses and the remote port. Has no interface. */
export function context({ src, dst, port, protocol = TCP }: Syn): Uint8Array {
  const bytes = new Uint8Array(72)
  const view = new DataView(bytes.buffer)
  const ipv6 = dst.includes(':')
  view.setUint32(8, ipv6 ? 10 : 2, true)
  view.setUint32(12, protocol, true)
  if (ipv6) {
    bytes.set(bytesOf(src), 20)
    bytes.set(bytesOf(dst), 44)
  } else {
    bytes.set(bytesOf(src).subarray(12), 16)
    bytes.set(bytesOf(dst).subarray(12), 40)
  }
  view.setUint16(36, SOURCE_PORT)
  view.setUint32(60, port, true)
  return bytes
}

function maps(
  object: BpfObject
): Pick<
  KernelMaps,
  'netns_pod' | 'own_addr' | 'listener' | 'counter' | 'exempt' | 'exempt_probe' | 'unexempt' | 'pod_stat'
> {
  return {
    netns_pod: object.map('netns_pod'),
    own_addr: object.map('own_addr'),
    listener: object.map('listener'),
    counter: object.map('counter'),
    exempt: object.map('exempt'),
    exempt_probe: object.map('exempt_probe'),
    unexempt: object.map('unexempt'),
    pod_stat: object.map('pod_stat')
  } as ReturnType<typeof maps>
}

export function enrolledPod(verdictNumber: number, addresses: Addresses, from: Syn['from']) {
  const options = { knobs: { lookup_netns: NETNS } }
  const object = from === LO ? testObject(from, options) : kernelObject(from, options)
  const held = maps(object)
  const ip = [addressOf(addresses.own), NO_ADDRESS]
  held.netns_pod.set(NETNS, {
    version: layout.LAYOUT_VERSION,
    verdict: verdictNumber,
    flags: pod_flag.POD_MORE_ADDRS,
    cgroup: 5n,
    netns: NETNS,
    since: 0n,
    ip
  })
  held.own_addr.set({ netns: NETNS, addr: addressOf(addresses.more) }, 1)
  held.pod_stat.set(NETNS, { steered: 0n, refused: 0n, accepted: 0n })
  return { program: object.program('lookup'), ...held }
}

export async function listening(host: string): Promise<number> {
  const server: Server = createServer()
  onTestFinished(() => void server.close())
  server.listen(0, host)
  await once(server, 'listening')
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  return fd
}

/** The cookie of the socket that the SYN was given to. */
export function chosen(data: Uint8Array): bigint {
  return new DataView(data.buffer, data.byteOffset).getBigUint64(0, true)
}
