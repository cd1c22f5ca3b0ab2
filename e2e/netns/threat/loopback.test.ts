// SPDX-License-Identifier: Apache-2.0
// What goes to the loopback is left alone, and must stay in the pod, whatever device the socket is bound to.

import { beforeAll, describe, expect, it } from 'vitest'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'
import { Wire } from '../setup/wire.ts'

const PORTS = { app: 8085, plain: 8086 } as const
const LOOPBACK = ['127.0.0.1', '127.0.0.9', '::ffff:127.0.0.1', '0.0.0.0', '::1', '::'] as const
/** IPv4 itself takes 0.0.0.0 for the loopback, whatever the device. */
const LEAVING = LOOPBACK.filter((to) => to !== '0.0.0.0')
const BY_ETH0 = ['--device', 'eth0'] as const
/** TCP_FASTOPEN_NO_COOKIE: the first SYN carries data. */
const IN_THE_SYN = ['--set-before', '6:34:1', '--tfo'] as const

const node = mesh({ enrolled: ['app'], plain: ['plain'], outsiders: ['server'] })

beforeAll(async () => {
  const server = node.outsider('server')
  for (const name of ['app', 'plain'] as const) {
    const pod = node.pod(name)
    for (const family of FAMILIES)
      await pod.ip(`-${family.at(-1)}`, 'route', 'replace', 'default', 'via', server[family])
    await pod.serve(PORTS[name])
  }
})

describe.each(LOOPBACK)('%s, by the device of the network', (to) => {
  it('is the pod itself', async () => {
    for (const options of [[], IN_THE_SYN])
      expectPlain(await node.pod('app').connect(to, PORTS.app, ...BY_ETH0, ...options))
  })

  it('gets that device neither while it is connected', async () => {
    const connected = await node.pod('app').connect(to, PORTS.app, '--set-after', 'SO_BINDTODEVICE:eth0')
    expect(connected.after).toMatchObject([{ ok: false, errno: 'EPERM' }])
    expectPlain(connected)
  })
})

it('is heard by the router of a pod outside the mesh, and not by that of one inside', async () => {
  const wire = await Wire.watch(node.outsider('server'), PORTS.app, PORTS.plain)
  const dial = (name: 'app' | 'plain', to: string) =>
    node.pod(name).connect(to, PORTS[name], ...BY_ETH0, ...IN_THE_SYN, '--no-data', '--timeout', 300)
  for (const to of LOOPBACK) await dial('app', to)
  for (const to of LEAVING) {
    const before = wire.segments.length
    await dial('plain', to)
    await expect.poll(() => wire.segments.length, { message: to }).toBeGreaterThan(before)
  }
  expect(wire.segments.filter((segment) => segment.to === PORTS.app)).toEqual([])
  await wire.stop()
})
