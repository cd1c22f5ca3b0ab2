// SPDX-License-Identifier: Apache-2.0
// Held, not leaked: no ztunnel runs, so whatever reaches the peer has left in the clear.

import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Server } from '../../world/place.ts'
import { mesh, type Outsider } from '../setup/mesh.ts'
import { Newcomers } from './newcomers.ts'

const PODS = 100
const PORT = 8080
const CONFIG = { scanInterval: '0s' }
/** For agents that are to be dead: one that lives may be late on a busy machine. */
const SOON_STALE = { ...CONFIG, heartbeatStale: '1s' }
const STALE_SECONDS = 1.5

describe('a new pod that connects at once', () => {
  const node = mesh({
    outsiders: ['peer'],
    agent: { config: CONFIG },
    ztunnel: false,
    prepare: async (world) => {
      await world.namespace('mesh', { annotations: { 'sluice.mesh/ambient': 'true' } })
      await world.namespace('plain')
    }
  })
  let newcomers: Newcomers
  let peer: Outsider
  let server: Server

  beforeAll(async () => {
    newcomers = await Newcomers.prepare(node.world, PODS)
    peer = node.outsider('peer')
    server = await peer.serve(PORT)
  })

  afterEach(async () => {
    await newcomers.end()
    if (node.agent.running) await node.agent.until(({ pods }) => pods.length === 0)
    server.lines.length = 0
  })

  /** Nothing is left of earlier rounds: the same namespaces reach the peer, and so does a pod that is not held. */
  async function controlled(): Promise<void> {
    expect((await newcomers.control(peer, PORT)).reached).toBe(PODS)
    server.lines.length = 0
  }

  it('is refused while the agent lives', async () => {
    await controlled()
    await newcomers.list('mesh')
    const { errors, results } = await newcomers.start(peer, PORT)
    expect({ errors, seen: server.seen }).toEqual({ errors: { ECONNREFUSED: PODS }, seen: [] })
    // At once: an unanswered SYN is sent again after a second.
    const times = results.map(({ ms }) => ms).sort((one, other) => one - other)
    expect(times[PODS / 2]).toBeLessThan(1000)
  })

  it('is refused while the agent is slow, and goes on being refused when it catches up', async () => {
    await controlled()
    await newcomers.list('mesh')
    node.agent.pause()
    const started = newcomers.start(peer, PORT, '--count', 40, '--interval', 25, '--each', '--no-data')
    await node.world.host.exec(['sleep', '0.5'])
    node.agent.resume()
    const { errors } = await started
    expect({ errors, seen: server.seen }).toEqual({ errors: { ECONNREFUSED: 40 * PODS }, seen: [] })
  })

  it('passes as soon as it is known to be outside: the refusals were the agent’s', async () => {
    await newcomers.list('plain')
    const tries = ['--count', 2000, '--interval', 25, '--each', '--until-connected']
    const { results } = await newcomers.start(peer, PORT, ...tries)
    const reached = new Set(results.filter(({ ok }) => ok).map(({ local }) => local?.replace(/:\d+$/, '')))
    expect(reached.size).toBe(PODS)
  })

  it('passes again when the agent has long been dead: the default mode', async () => {
    await node.agent.stop()
    const brief = await node.world.agent({ config: SOON_STALE })
    await brief.kill9()
    await node.world.host.exec(['sleep', STALE_SECONDS])
    await newcomers.list('mesh')
    expect((await newcomers.start(peer, PORT)).reached).toBe(PODS)
  })

  it('is refused even then in strict mode', async () => {
    const strict = await node.world.agent({ config: { ...SOON_STALE, strict: true } })
    await strict.kill9()
    await node.world.host.exec(['sleep', STALE_SECONDS])
    await controlled()
    await newcomers.list('mesh')
    const { errors } = await newcomers.start(peer, PORT)
    expect({ errors, seen: server.seen }).toEqual({ errors: { ECONNREFUSED: PODS }, seen: [] })
  })
})
