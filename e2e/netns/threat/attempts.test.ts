// SPDX-License-Identifier: Apache-2.0
// Three pods try the same: one of the mesh, one that has Istio's rules instead, and one that has nothing, which shows
// that the attempt would work. ztunnel has stopped: what goes through it does not go out, so what goes out is a leak.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { captureByIptables } from '../../world/iptables.ts'
import { mesh } from '../setup/mesh.ts'
import { Wire } from '../setup/wire.ts'
import { CASES } from './attempts.ts'

const FIRST_PORT = 20_000
/** One port for each attempt and pod, so that what arrives needs no other sign. */
const PODS = ['nothing', 'sluice', 'iptables'] as const
const LAST_PORT = FIRST_PORT + CASES.length * PODS.length

const node = mesh({
  enrolled: ['sluice'],
  plain: ['nothing', 'iptables'],
  outsiders: ['server'],
  agent: { config: { log: { level: 'info' } } }
})
let wire: Wire

beforeAll(async () => {
  await captureByIptables(node.pod('iptables'))
  for (const pod of PODS) await node.pod(pod).sysctl('net.ipv4.tcp_fastopen', 0x5)
  wire = await Wire.watch(node.outsider('server'), FIRST_PORT, LAST_PORT)
  node.ztunnel.pause()
})

afterAll(async () => {
  node.ztunnel.resume()
  await wire.stop()
})

describe('out of the pod by', () => {
  it.each(CASES)('%s: %s', async (what, family, { run, leaks = [] }) => {
    const address = node.outsider('server')[family]
    const first = FIRST_PORT + CASES.findIndex((each) => each[0] === what && each[1] === family) * PODS.length
    const attempt = (pod: (typeof PODS)[number], offset: number) =>
      run(node.pod(pod), { world: node.world, family, address, port: first + offset })
    await attempt('sluice', 1)
    await attempt('iptables', 2)
    await attempt('nothing', 0)
    const arrived = (port: number) => wire.segments.some(({ to }) => to === port)
    // What is sent last arrives last.
    await expect.poll(() => arrived(first), { timeout: 60_000 }).toBe(true)
    const leaked = [...(arrived(first + 1) ? ['sluice'] : []), ...(arrived(first + 2) ? ['iptables'] : [])]
    expect(leaked).toEqual(leaks)
  })
})
