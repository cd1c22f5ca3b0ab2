// SPDX-License-Identifier: Apache-2.0
// More connections of ztunnel to applications than the map of exemptions holds.

import { expect, it } from 'vitest'
import type { Running } from '../../world/running.ts'
import { mesh } from '../setup/mesh.ts'

const PORT = 8080
const ROOM = 64

const node = mesh({ enrolled: ['app'], plain: ['client'], agent: { config: { maxConnections: ROOM } } })

it('are refused, and ztunnel is never handed its own connection', async () => {
  const app = node.pod('app')
  await app.serve(PORT, '--echo')
  const held: Running[] = []
  try {
    for (let opened = 0; opened < ROOM; opened++) {
      const each = node.pod('client').startDial('connect', app.ipv4, PORT, '--hold')
      held.push(each)
      await each.waitFor(({ ok }) => ok === true)
    }
    const rises = await node.counted(async () => {
      await node.pod('client').connect(app.ipv4, PORT, '--timeout', 2000)
    })
    expect(rises).toMatchObject({ exempt_failed: 1, inbound_inbound: 1 })
    expect(rises.dropped_loop).toBeGreaterThanOrEqual(1)
  } finally {
    await Promise.all(held.map((each) => each.stop()))
  }
  expect(await node.pod('client').connect(app.ipv4, PORT)).toMatchObject({ ok: true, ended: 'line' })
})
