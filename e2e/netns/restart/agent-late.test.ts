// SPDX-License-Identifier: Apache-2.0
// An agent that comes to pods which ztunnel serves already: their listeners began while nothing observed them, and
// ztunnel makes none for a pod that it has.

import { describe, expect, it } from 'vitest'
import { eraseListeners, listening } from '../setup/listeners.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'

const PORT = 8080
const PORTS = [15001, 15006, 15008]

describe('ztunnel serves the pod already', () => {
  const node = mesh({ enrolled: ['app'], outsiders: ['peer'], agent: { config: { verifyInterval: '1h' } } })

  async function expectServed(): Promise<void> {
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    for (const family of FAMILIES) {
      const [out, into] = [await app.connect(peer[family], PORT), await peer.connect(app[family], PORT)]
      expect(out).toMatchObject({ ok: true, ended: 'line' })
      expect(into).toMatchObject({ ok: true, ended: 'line' })
      await node.ztunnel.waitForConnection({ direction: 'outbound', src: String(out.local) })
      await node.ztunnel.waitForConnection({ direction: 'inbound', src: String(into.local) })
    }
  }

  it('and an agent after `sluice cleanup` finds its listeners', async () => {
    const [app, peer] = [node.pod('app'), node.outsider('peer')]
    await peer.serve(PORT)
    await app.serve(PORT)
    await expectServed()
    await node.agent.stop()
    expect(await node.agent.cli('cleanup')).toMatchObject({ code: 0 })
    const plain = await app.connect(peer.ipv4, PORT)
    expect(plain).toMatchObject({ ok: true })
    expect(node.ztunnel.opened({ src: String(plain.local) })).toEqual([])

    await node.agent.restart()
    await node.agent.untilPod(app, 'enrolled')
    expect(await listening(node.world, app, 'ztunnel')).toEqual(PORTS)
    await expectServed()
    // No ztunnel began to listen: nobody registered.
    expect((await node.report()).counters.listeners).toBe(0)
  })

  it('and its listeners, erased by hand, are found again and told as drift', async () => {
    const app = node.pod('app')
    const before = (await node.report()).drift.listener ?? 0
    expect(await eraseListeners(node.world, app, 'ztunnel')).toBe(PORTS.length)
    await app.ip('addr', 'add', '127.9.9.9/32', 'dev', 'lo')
    await app.ip('addr', 'del', '127.9.9.9/32', 'dev', 'lo')
    await expect.poll(() => listening(node.world, app, 'ztunnel')).toEqual(PORTS)
    expect((await node.report()).drift.listener).toBe(before + PORTS.length)
    await expectServed()
  })

  it('and a listener of the pod on the same ports is not taken for it', async () => {
    const app = node.pod('app')
    const intruders = await Promise.all([15001, 15006].map((port) => app.serve(port, '--reuseport')))
    await node.agent.kill9()
    await eraseListeners(node.world, app, 'ztunnel')
    await node.agent.restart()
    await node.agent.untilPod(app, 'enrolled')
    for (let round = 0; round < 5; round++) await expectServed()
    expect(intruders.flatMap(({ seen }) => seen)).toEqual([])
    for (const intruder of intruders) await intruder.stop()
  })
})
