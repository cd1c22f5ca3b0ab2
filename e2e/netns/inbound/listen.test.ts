// SPDX-License-Identifier: Apache-2.0
// ztunnel's end of a connection has the port that was dialled; the application may listen there all the same.

import { describe, expect, it } from 'vitest'
import { without } from '../setup/hook.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'

const PORT = 8080

const node = mesh({
  enrolled: ['app'],
  plain: ['client'],
  outsiders: ['server'],
  // An agent that starts again has soon looked at every pod.
  agent: { config: { verifyInterval: '300ms' } }
})

/** Ends nothing when the other side does. */
const HALF_OPEN = `const [, host, port] = process.argv
  setInterval(() => {}, 60_000)
  require('node:net').connect({ host, port, allowHalfOpen: true })
    .on('data', () => console.log('{"event":"greeted"}'))`

describe('an application listens', () => {
  it.each(FAMILIES)('again while a client keeps its end of a connection open: %s', async (family) => {
    const [app, client] = [node.pod('app'), node.pod('client')]
    const first = await app.serve(PORT)
    const half = client.spawn([process.execPath, '-e', HALF_OPEN, app[family], PORT])
    await half.waitForEvent('greeted')
    await first.stop()
    const second = await app.serve(PORT)
    expect(await client.connect(app[family], PORT)).toMatchObject({ ok: true, ended: 'line' })
    await half.stop()
    await second.stop()
  })

  it.each(FAMILIES)('on a port that the pod has dialled elsewhere: %s', async (family) => {
    const app = node.pod('app')
    const server = await node.outsider('server').serve(PORT)
    const held = app.startDial('connect', node.outsider('server')[family], PORT, '--hold')
    await held.waitFor(({ ok }) => ok === true)
    const own = await app.serve(PORT)
    await own.stop()
    await held.stop()
    await server.stop()
  })

  it('not without the hook', async () => {
    const app = node.pod('app')
    const server = await node.outsider('server').serve(PORT)
    await without(node, 'ztunnel_tcp', async () => {
      const held = app.startDial('connect', node.outsider('server').ipv4, PORT, '--hold')
      await held.waitFor(({ ok }) => ok === true)
      await expect(app.serve(PORT)).rejects.toThrow('EADDRINUSE')
      await held.stop()
    })
    await server.stop()
  })
})
