// SPDX-License-Identifier: Apache-2.0
// Three pods try the same: one of the mesh, one that has Istio's rules instead, and one that has nothing, which shows
// that the attempt would work. ztunnel has stopped: what goes through it does not go out, so what goes out is a leak.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { captureByIptables } from '../../world/iptables.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { Wire } from '../setup/wire.ts'
import { ATTEMPTS, GREETER, LINK_LOCAL } from './attempts.ts'
import { CAPABLE } from './capable.ts'

/** A port for each try and pod, so that what arrives needs no other sign. */
const PODS = ['nothing', 'sluice', 'iptables'] as const
type PodName = (typeof PODS)[number]
const [FIRST_PORT, LAST_PORT] = [20_000, 29_999]
let freePort = FIRST_PORT

const CASES = [...ATTEMPTS, ...CAPABLE].flatMap((attempt) =>
  (attempt.families ?? FAMILIES).map((family) => [attempt.what, family, attempt] as const)
)

const node = mesh({
  enrolled: ['sluice'],
  plain: ['nothing', 'iptables', 'neighbour'],
  outsiders: ['server'],
  agent: { config: { log: { level: 'info' }, verifyInterval: '300ms' } }
})
let wire: Wire

beforeAll(async () => {
  const server = node.outsider('server')
  await captureByIptables(node.pod('iptables'))
  for (const pod of PODS) {
    await node.pod(pod).sysctl('net.ipv4.tcp_fastopen', 0x5)
    await node.pod(pod).ip('route', 'add', '169.254.0.0/16', 'dev', 'eth0')
  }
  await server.ip('addr', 'add', `${LINK_LOCAL.ipv4}/16`, 'dev', 'eth0')
  await server.ip('addr', 'add', `${LINK_LOCAL.ipv6}/64`, 'dev', 'eth0', 'nodad')
  await server.serve(GREETER)
  wire = await Wire.watch(server, FIRST_PORT, LAST_PORT)
})

// What is tidied up after a failed test makes it run.
beforeEach(() => node.ztunnel.pause())

afterAll(async () => {
  node.ztunnel.resume()
  await wire.stop()
})

async function conditions(name: PodName): Promise<string> {
  const { pods } = await node.report()
  const { conditions: all = [] } = pods.find(({ uid }) => uid === node.pod(name).uid) ?? {}
  return all.map(({ kind, message }) => `${kind}: ${message}`).join('\n')
}

describe('out of the pod by', () => {
  it.each(CASES)('%s: %s', async (_, family, { before, run, after, told, leaks = [] }) => {
    const address = node.outsider('server')[family]
    const first = freePort
    freePort += PODS.length
    const attempt = async (name: PodName) => {
      const target = { world: node.world, family, address, port: first + PODS.indexOf(name) }
      await before?.(node.pod(name), target)
      try {
        await run(node.pod(name), target)
        if (name === 'sluice' && told)
          await expect.poll(() => conditions(name)).toMatch(new RegExp(told(family)))
      } finally {
        await after?.(node.pod(name), target)
      }
    }
    await Promise.all([attempt('sluice'), attempt('iptables')])
    await attempt('nothing')
    const arrived = (name: PodName) => wire.segments.some(({ to }) => to === first + PODS.indexOf(name))
    // What is sent last arrives last.
    await expect.poll(() => arrived('nothing'), { timeout: 60_000 }).toBe(true)
    expect((['sluice', 'iptables'] as const).filter(arrived)).toEqual(leaks)
  })
})
