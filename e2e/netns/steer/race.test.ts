// SPDX-License-Identifier: Apache-2.0
// A device that one thread sets while another connects: the hook may not look first and the kernel act later.

import { beforeAll, expect, it } from 'vitest'
import { FAMILIES, mesh } from '../setup/mesh.ts'

const PORT = 8080
const ROUNDS = 20_000

const node = mesh({ enrolled: ['app'], plain: ['plain'], outsiders: ['server'] })

beforeAll(async () => {
  await node.outsider('server').serve(PORT, '--quiet')
})

it.each(FAMILIES)('comes before the connect, which takes it off, or is refused: %s', async (family) => {
  const address = node.outsider('server')[family]
  const raced = await node.pod('app').dial('race', address, PORT, 'eth0', ROUNDS)
  expect(raced).toMatchObject({ ok: true, won: 0 })
  expect(raced.refused).toBeGreaterThan(0)
})

it('is set on many sockets of a pod outside', async () => {
  const address = node.outsider('server').ipv4
  const raced = await node.pod('plain').dial('race', address, PORT, 'eth0', 1_000)
  expect(raced).toMatchObject({ ok: true, refused: 0 })
  expect(raced.won).toBeGreaterThan(900)
})
