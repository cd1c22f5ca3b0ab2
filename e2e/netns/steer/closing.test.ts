// SPDX-License-Identifier: Apache-2.0
// The end of steered connections: what a socket in TIME_WAIT answers comes back to ztunnel, not to the network.

import { expect, it } from 'vitest'
import type { Place } from '../../world/place.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'

const PORT = 8080
const COUNT = 200

const node = mesh({ enrolled: ['app'], outsiders: ['peer'] })

/** Resets that this place answered segments of nobody's with. */
async function resets(place: Place): Promise<number> {
  const { stdout } = await place.exec(['nstat', '-asz', 'TcpOutRsts'])
  return Number(/^TcpOutRsts +(\d+)/m.exec(stdout)?.[1])
}

it.each(FAMILIES)('leaves no socket of ztunnel waiting for its last acknowledgement: %s', async (family) => {
  const [app, peer] = [node.pod('app'), node.outsider('peer')]
  const server = await peer.serve(PORT)
  const before = await resets(peer)
  const tally = await app.connectMany(peer[family], PORT, COUNT)
  expect(tally).toMatchObject({ connected: COUNT, greeted: COUNT })
  // Well below the second for which an unanswered FIN is sent again.
  await expect
    .poll(async () => (await app.exec(['ss', '-Htn', 'state', 'last-ack'])).stdout, { timeout: 500 })
    .toBe('')
  expect(await resets(peer)).toBe(before)
  await server.stop()
})
