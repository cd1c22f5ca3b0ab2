// SPDX-License-Identifier: Apache-2.0
// A pod that listens on one of ztunnel's ports before it joins: ztunnel cannot, and says so.

import { describe, expect, it } from 'vitest'
import { FAMILIES, JOIN, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'

const PORT = 8080
const SQUATTED = 15_006

const node = mesh({ plain: ['app'], outsiders: ['server'] })

const stateOf = async (name: string) => {
  const { pods } = await node.report()
  const { state, lastError } = pods.find((pod) => pod.name === name) ?? {}
  return { state, lastError: lastError ?? '' }
}
const failed = { state: 'failed', lastError: expect.stringContaining(String(SQUATTED)) }

describe('a pod that has a listener on ztunnel’s port', () => {
  it('is told, stays outside as a running pod does that cannot join, and joins when the port is free', async () => {
    const [app, server] = [node.pod('app'), node.outsider('server')]
    await server.serve(PORT)
    const squatter = await app.serve(SQUATTED)
    await app.annotate(JOIN, 'true')
    await expect.poll(() => stateOf('app')).toMatchObject(failed)
    for (const family of FAMILIES) expectPlain(await app.connect(server[family], PORT))
    await squatter.stop()
    await node.agent.untilPod(app, 'enrolled')
    expect((await app.connect(server.ipv4, PORT)).ok).toBe(true)
    await node.ztunnel.waitForConnection({ direction: 'outbound', dst: `${server.ipv4}:${PORT}` })
  })

  it('is held when it is new, until the port is free', async () => {
    node.ztunnel.pause()
    const late = await node.world.pod({ name: 'late', annotations: { [JOIN]: 'true' } })
    const squatter = await late.serve(SQUATTED)
    node.ztunnel.resume()
    await expect.poll(() => stateOf('late')).toMatchObject(failed)
    const server = node.outsider('server')
    for (const family of FAMILIES)
      expect(await late.connect(server[family], PORT)).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
    await squatter.stop()
    await node.agent.untilPod(late, 'enrolled')
  })
})
