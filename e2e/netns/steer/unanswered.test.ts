// SPDX-License-Identifier: Apache-2.0
// While its SYN is unanswered, a socket that lost its mark or got a device would send the next one in the clear.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Connected, Server } from '../../world/place.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'

const PORT = 8080
/** The SYN is sent again after 1 s. */
const AGAIN = 1500
/** Connections that nobody accepts until ztunnel's queue is full and SYNs are dropped. */
const BACKLOG = 129

const OPTIONS = ['SO_BINDTODEVICE:eth0', 'SO_BINDTOIFINDEX:%eth0', 'SO_MARK:0', 'SO_MARK:7'] as const
const PROTOCOLS = [['TCP'], ['MPTCP', '--mptcp']] as const

/** In IPv6 a device alone does not do: there the rule that refuses still sees the mark. */
const LEAKS = [
  ['ipv4', 'SO_BINDTODEVICE:eth0'],
  ['ipv4', 'SO_BINDTOIFINDEX:%eth0'],
  ['ipv4', 'SO_MARK:0'],
  ['ipv4', 'SO_MARK:0', '--mptcp'],
  ['ipv6', 'SO_MARK:0'],
  ['ipv6', 'SO_MARK:0', '--mptcp']
] as const

const node = mesh({ enrolled: ['app'], plain: ['plain'], outsiders: ['server'] })
let server: Server

beforeAll(async () => {
  server = await node.outsider('server').serve(PORT)
  // One queue for both families: the listener is dual-stack.
  node.ztunnel.pause()
  const filled = await node.pod('app').connectMany(node.outsider('server').ipv4, PORT, BACKLOG, '--no-data')
  expect(filled).toMatchObject({ connected: BACKLOG })
})

function dialled(
  family: Family,
  option: string,
  ...protocol: readonly (string | number)[]
): Promise<Connected> {
  const address = node.outsider('server')[family]
  return node.pod('app').connect(address, PORT, '--set-after', option, ...protocol)
}

describe('a socket option while the SYN is unanswered', () => {
  it.each(FAMILIES)('is refused, counted, and nothing leaks: %s', async (family) => {
    const attempts = PROTOCOLS.flatMap(([, ...protocol]) =>
      OPTIONS.map((option) => [option, protocol] as const)
    )
    const rises = await node.counted(async () => {
      const all = attempts.map(([option, protocol]) =>
        dialled(family, option, ...protocol, '--timeout', AGAIN)
      )
      for (const [index, connected] of (await Promise.all(all)).entries()) {
        const [option, protocol] = attempts[index] as (typeof attempts)[number]
        const what = [option, ...protocol].join(' ')
        expect(connected, what).toMatchObject({ ok: false, errno: 'TIMEOUT' })
        expect(connected.after, what).toEqual([{ option, ok: false, errno: 'EPERM' }])
      }
    })
    expect(server.seen).toEqual([])
    expect(rises.refused_setsockopt).toBe(attempts.length)
  })

  it('is allowed before connect, and has no effect', async () => {
    const connected = await dialled('ipv4', 'SO_DONTROUTE:1', '--set-before', 'SO_MARK:7', '--timeout', AGAIN)
    expect(connected).toMatchObject({ ok: false, errno: 'TIMEOUT' })
    expect(server.seen).toEqual([])
  })

  it.each(FAMILIES.flatMap((family) => PROTOCOLS.map((protocol) => [family, protocol] as const)))(
    'is the application’s own affair outside the mesh: %s, %s',
    async (family, [, ...protocol]) => {
      const options = ['--set-after', 'SO_MARK:7', ...protocol]
      const connected = await node.pod('plain').connect(node.outsider('server')[family], PORT, ...options)
      expect(connected.after?.map(({ ok }) => ok)).toEqual([true])
      expectPlain(connected)
    }
  )
})

describe('without the guard', () => {
  it('connections leave in the clear', async () => {
    await without(node, 'setsockopt', async () => {
      const all = LEAKS.map(([family, option, ...protocol]) => dialled(family, option, ...protocol))
      for (const connected of await Promise.all(all)) expectPlain(connected)
      node.ztunnel.resume()
    })
  })
})
