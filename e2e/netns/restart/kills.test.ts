// SPDX-License-Identifier: Apache-2.0
// The agent killed under traffic, up or on its way up: what it made goes on, and the next agent takes it over.

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Report } from '../../world/agent.ts'
import type { Connected } from '../../world/place.ts'
import type { Running } from '../../world/running.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { clientSeen } from '../setup/route.ts'

const PORT = 8080
const KILLS = 100
/** One in so many is killed when it has just become ready, the others somewhere before. */
const READY_EACH = 20

describe('an agent killed with SIGKILL', () => {
  const node = mesh({
    enrolled: ['app'],
    outsiders: ['peer'],
    agent: { ready: false, config: { verifyInterval: '1s' } }
  })

  function dialAll(...options: readonly (string | number)[]): Running[] {
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    return FAMILIES.flatMap((family) => [
      app.startDial('connect', peer[family], PORT, ...options),
      peer.startDial('connect', app[family], PORT, ...options)
    ])
  }

  const results = ({ lines }: Running) => lines as unknown as readonly Connected[]
  const isPlain = (connected: Connected) => clientSeen(connected) === connected.local

  const told = `is replaced ${KILLS} times: no connection fails, no SYN is turned away, and none goes as it is`
  it(told, { timeout: 900_000 }, async () => {
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    for (const place of [app, peer]) await place.serve(PORT)
    const before = turnedAway(await node.agent.untilReady())
    const traffic = dialAll('--each', '--count', 1_000_000, '--interval', 20)
    let startMs = 0
    for (let kill = 0; kill < KILLS; kill++) {
      await node.agent.kill9()
      const began = performance.now()
      await node.agent.restart()
      if (kill % READY_EACH > 0) await sleep(Math.random() * startMs)
      else {
        await node.agent.untilReady()
        startMs = performance.now() - began
      }
    }
    await node.agent.untilReady()
    const after = await node.agent.untilPod(app, 'verified')
    for (const each of traffic) {
      expect(each.running, each.command).toBe(true)
      await each.stop()
      expect(results(each).length, each.command).toBeGreaterThan(KILLS)
      expect(results(each).filter(({ ok, ended }) => !ok || ended !== 'line')).toEqual([])
      expect(results(each).filter(isPlain)).toEqual([])
    }
    expect(turnedAway(after)).toEqual(before)
    expect((await node.report()).drift).toEqual({})
  })

  it('the control: were its hooks to go with it, connections would go as they are', async () => {
    await without(node, 'connect4', async () => {
      const connected = await node.pod('app').connect(node.outsider('peer').ipv4, PORT)
      expect(connected).toMatchObject({ ok: true, ended: 'line' })
      expect(isPlain(connected)).toBe(true)
    })
  })
})

/** SYNs that the lookups dropped, by reason: their senders wait for a second one. The counts outlive the agent. */
function turnedAway({ counters }: Report): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([name]) => name.startsWith('dropped_')))
}
