// SPDX-License-Identifier: Apache-2.0
// The end of many steered connections: what a client answers without a socket comes back to ztunnel.

import { expect, it } from 'vitest'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { Wire } from '../setup/wire.ts'

const PORT = 8080
const COUNT = 200

const node = mesh({ enrolled: ['app'], outsiders: ['peer'] })

// The control is in reply.test.ts.
it.each(FAMILIES)('leaves no socket of ztunnel waiting for its last acknowledgement: %s', async (family) => {
  const [app, peer] = [node.pod('app'), node.outsider('peer')]
  const server = await peer.serve(PORT)
  const wire = await Wire.watch(peer, PORT)
  const tally = await app.connectMany(peer[family], PORT, COUNT)
  expect(tally).toMatchObject({ connected: COUNT, greeted: COUNT })
  await expect.poll(async () => (await app.exec(['ss', '-Htan', 'state', 'last-ack'])).stdout).toBe('')
  await wire.stop()
  expect(server.seen).toHaveLength(COUNT)
  expect(wire.strangers(server)).toEqual([])
  await server.stop()
})
