// SPDX-License-Identifier: Apache-2.0
// What a pod made while it was outside the mesh, and uses once it is inside: no hook sees it any more. Istio's rules
// match packets, and see it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { captureByIptables } from '../../world/iptables.ts'
import { host } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import type { Running } from '../../world/running.ts'
import { INSIDE, Resolver } from '../dns/asked.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { Wire } from '../setup/wire.ts'
import { PATIENCE, routeOption } from './attempts.ts'

const PODS = ['sluice', 'iptables'] as const
const FIRST_PORT = 20_000

/** The SYN is sent with the first data. */
const DEFERRED = ['--set-before', '6:30:1', '--send', 'x', '--wait-send'] as const

type Arguments = (pod: Pod, family: Family, port: number) => readonly (string | number)[]

const PREPARED: readonly (readonly [what: string, arguments_: Arguments])[] = [
  [
    'a connection whose SYN waits for its first data (TCP_FASTOPEN_CONNECT)',
    (_, family, port) => [address(family), port, ...DEFERRED]
  ],
  [
    'a route in the packet to an own address',
    (pod, family, port) => {
      const option = routeOption(address(family))
      return [pod.address(family), port, '--set-before', option, '--wait-line']
    }
  ]
]
const CASES = PREPARED.flatMap(([what, options]) => FAMILIES.map((family) => ({ what, family, options })))
const portOf = (index: number, pod: number) => FIRST_PORT + index * PODS.length + pod

const node = mesh({
  plain: PODS,
  outsiders: ['server'],
  ztunnel: { hostnames: [INSIDE] }
})
const address = (family: Family) => node.outsider('server')[family]
const clients = new Map<number, Running>()
const resolving = new Map<string, Running>()
let wire: Wire
let resolver: Resolver

beforeAll(async () => {
  const server = node.outsider('server')
  wire = await Wire.watch(server, FIRST_PORT, portOf(CASES.length, 0))
  resolver = await Resolver.start(server)
  for (const [offset, name] of PODS.entries()) {
    const pod = node.pod(name)
    await pod.sysctl('net.ipv4.tcp_fastopen', 0x5)
    for (const [index, { family, options }] of CASES.entries()) {
      const port = portOf(index, offset)
      clients.set(port, pod.startDial('connect', ...options(pod, family, port), ...PATIENCE))
    }
    for (const family of FAMILIES) {
      const client = pod.startDial('dns', 'connected', INSIDE, address(family), '--again')
      await client.waitFor((line) => 'replies' in line)
      resolving.set(`${name} ${family}`, client)
    }
  }
  for (const client of clients.values()) await client.waitForEvent('waiting')
  await captureByIptables(node.pod('iptables'))
  await node.join(node.pod('sluice'))
  node.ztunnel.pause()
})

afterAll(async () => {
  node.ztunnel.resume()
  await wire.stop()
})

describe('used inside the mesh', () => {
  it.each(CASES.map(({ what, family }, index) => [what, family, index] as const))(
    'leaves in the clear: %s: %s',
    async (_what, _family, index) => {
      const arrived = (pod: number) => wire.segments.some(({ to }) => to === portOf(index, pod))
      expect([0, 1].filter(arrived)).toEqual([])
      for (const pod of [1, 0]) {
        const client = clients.get(portOf(index, pod))
        client?.write('\n')
        await client?.finished()
      }
      await expect.poll(() => arrived(0)).toBe(true)
      expect(arrived(1)).toBe(false)
    }
  )

  it.each(FAMILIES)('asks its resolver: a UDP socket that was connected to it: %s', async (family) => {
    const heard = (name: string) =>
      resolver.heard.filter(({ src }) => host(src) === node.pod(name)[family]).length
    expect(PODS.map(heard)).toEqual([1, 1])
    for (const name of PODS.toReversed()) {
      const client = resolving.get(`${name} ${family}`)
      client?.write('\n')
      await client?.finished()
    }
    await expect.poll(() => PODS.map(heard)).toEqual([2, 1])
  })
})

describe('with establishedConnections: reset', () => {
  const other = mesh({
    plain: ['app'],
    outsiders: ['server'],
    agent: { config: { establishedConnections: 'reset' } }
  })

  // The kernel sends the SYN of a deferred connection that was cut before.
  it('a connection whose SYN waits for its first data ends with it', async () => {
    const [app, server] = [other.pod('app'), other.outsider('server')]
    await app.sysctl('net.ipv4.tcp_fastopen', 0x5)
    await server.serve(FIRST_PORT)
    const watched = await Wire.watch(server, FIRST_PORT)
    const deferred = FAMILIES.map((family) =>
      app.startDial('connect', server[family], FIRST_PORT, ...DEFERRED, ...PATIENCE)
    )
    for (const client of deferred) await client.waitForEvent('waiting')
    await other.join(app)
    for (const client of deferred) {
      client.write('\n')
      const { lines } = await client.finished()
      expect(lines.at(-1)).toMatchObject({ ok: true, sendErrno: 'ECONNABORTED' })
    }
    const flags = () => new Set(watched.segments.map((segment) => segment.flags))
    await expect.poll(flags).toEqual(new Set(['S', 'R']))
    await watched.stop()
    expect(flags()).toEqual(new Set(['S', 'R']))
  })
})
