// SPDX-License-Identifier: Apache-2.0
// While its SYN is unanswered, a socket that lost its mark or got a device would send the next one in the clear.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Connected, Server } from '../../world/place.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'

const PORT = 8080
/** The SYN is sent again after 1 s. */
const PATIENCE = 1500
/** Connections that nobody accepts until ztunnel's queue is full and SYNs are dropped. */
const BACKLOG = 129

const OPTIONS = ['SO_BINDTODEVICE:eth0', 'SO_BINDTOIFINDEX:%eth0', 'SO_MARK:0', 'SO_MARK:7'] as const
const PROTOCOLS = [['TCP'], ['MPTCP', '--mptcp']] as const

const node = mesh({ enrolled: ['app'], outsiders: ['server'] })
let server: Server

beforeAll(async () => {
  server = await node.outsider('server').serve(PORT)
  // One queue for both families: the listener is dual-stack.
  node.ztunnel.pause()
  const filled = await node.pod('app').connectMany(node.outsider('server').ipv4, PORT, BACKLOG, '--no-data')
  expect(filled).toMatchObject({ connected: BACKLOG })
})

function dialled(family: Family, option: string, ...protocol: string[]): Promise<Connected> {
  const address = node.outsider('server')[family]
  const options = ['--timeout', PATIENCE, '--set-after', option, ...protocol]
  return node.pod('app').connect(address, PORT, ...options)
}

describe('a socket option while the SYN is unanswered', () => {
  it.each(FAMILIES)('is refused, counted, and nothing leaks: %s', async (family) => {
    const attempts = PROTOCOLS.flatMap(([, ...protocol]) =>
      OPTIONS.map((option) => [option, protocol] as const)
    )
    const rises = await node.counted(async () => {
      const all = attempts.map(([option, protocol]) => dialled(family, option, ...protocol))
      for (const [index, connected] of (await Promise.all(all)).entries()) {
        const [option, protocol] = attempts[index] as (typeof attempts)[number]
        const what = `${option} ${protocol}`
        expect(connected, what).toMatchObject({ ok: false, errno: 'TIMEOUT' })
        expect(connected.after, what).toEqual([{ option, ok: false, errno: 'EPERM' }])
      }
    })
    expect(server.seen).toEqual([])
    expect(rises.refused_setsockopt).toBe(attempts.length)
  })

  it('is allowed before connect, and has no effect', async () => {
    const connected = await dialled('ipv4', 'SO_DONTROUTE:1', '--set-before', 'SO_MARK:7')
    expect(connected).toMatchObject({ ok: false, errno: 'TIMEOUT' })
    expect(server.seen).toEqual([])
  })

  it('leaks without the guard', async () => {
    await without(node, 'setsockopt', async () => {
      const options = ['SO_BINDTODEVICE:eth0', 'SO_BINDTOIFINDEX:%eth0', 'SO_MARK:0']
      const all = options.map((option) => dialled('ipv4', option))
      for (const connected of await Promise.all(all)) expectPlain(connected)
      const six = await Promise.all(options.map((option) => dialled('ipv6', option)))
      console.log(six)
      node.ztunnel.resume()
    })
    expect(server.seen.length).toBeGreaterThan(0)
  })
})
