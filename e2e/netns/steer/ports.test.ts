// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../world/pod.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'

const PORT = 8080
const CONNECTIONS = 600
const DESTINATIONS = ['one', 'two', 'three'] as const

/** IP_LOCAL_PORT_RANGE (6.3): 40000 to 40299 for the client's sockets alone, ztunnel keeps all ports. */
const THREE_HUNDRED = `0:51:${(40299 << 16) | 40000}`
/** Before 6.3 client and ztunnel share 420: each of 3 destinations gets 200 connections of each of the two. */
const SHARED = '40000-40419'

const node = mesh({ enrolled: ['app'], outsiders: DESTINATIONS })

beforeAll(async () => {
  for (const name of DESTINATIONS) await node.outsider(name).serve(PORT, '--quiet')
})

async function fewPorts(pod: Pod): Promise<string[]> {
  const tried = await pod.connect(node.outsider('one').ipv4, PORT, '--set-before', THREE_HUNDRED)
  return tried.stage === 'setsockopt' ? ['--local-ports', SHARED] : ['--set-before', THREE_HUNDRED]
}

describe('600 short connections from 300 local ports', () => {
  it.each(FAMILIES)('succeed when they go to three destinations: %s', async (family) => {
    const pod = node.pod('app')
    const [first, second, third] = DESTINATIONS.map((name) => node.outsider(name)[family])
    const also = ['--also', second as string, PORT, '--also', third as string, PORT]
    const ports = await fewPorts(pod)
    const tally = await pod.connectMany(first as string, PORT, CONNECTIONS, ...also, ...ports)
    expect(tally).toMatchObject({ connected: CONNECTIONS, greeted: CONNECTIONS, errors: {} })
  })

  // What rewriting every destination to ztunnel's address would come to.
  it.each(FAMILIES)('run out of ports when all go to one: %s', async (family) => {
    const pod = node.pod('app')
    const ports = await fewPorts(pod)
    const one = node.outsider('one')
    const tally = await pod.connectMany(one[family], PORT + 1, CONNECTIONS, '--no-data', ...ports)
    expect(tally.errors.EADDRNOTAVAIL).toBeGreaterThan(0)
  })
})
