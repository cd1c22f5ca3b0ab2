// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import { host, type Server } from '../../world/place.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { exemptions } from '../setup/pinned.ts'
import { clientSeen, endpoint, expectPlain } from '../setup/route.ts'

const PORT = 8080
const HTTP = 8081
const FAMILIES_AND_PORTS = FAMILIES.flatMap((family) => [15001, 15006].map((port) => [family, port] as const))

const node = mesh({
  enrolled: ['app'],
  plain: ['plain'],
  agent: ({ prefix }) => ({ config: { kubelet: { cgroup: `/${prefix}/kubelet.service` } } })
})
let server: Server

const WEB = `require('node:http').createServer((request, response) => response.end(request.socket.remoteAddress))
  .listen(${HTTP}, '::', () => console.log('{"event":"listening"}'))`

beforeAll(async () => {
  server = await node.pod('app').serve(PORT)
  await node.pod('app').spawn([process.execPath, '-e', WEB]).waitForEvent('listening')
})

describe('a probe of the kubelet', () => {
  it.each(FAMILIES)('by TCP passes ztunnel by, with the kubelet’s own address: %s', async (family) => {
    const rises = await node.counted(async () => {
      const connected = await node.world.kubelet.connect(node.pod('app')[family], PORT)
      expectPlain(connected)
      expect(host(clientSeen(connected))).toBe(node.world.bridge[family])
      expect(host(server.seen.at(-1)?.peer ?? '')).toBe(node.world.bridge[family])
      expect(node.ztunnel.opened({ src: connected.local ?? '' })).toEqual([])
    })
    expect(rises).toEqual({ probes: 1, inbound_exempt: 1 })
  })

  it.each(FAMILIES)('by HTTP passes ztunnel by, with the kubelet’s own address: %s', async (family) => {
    const url = `http://${endpoint(node.pod('app')[family], HTTP)}/`
    const script = `fetch('${url}').then((answer) => answer.text()).then((text) => console.log(text))`
    const rises = await node.counted(async () => {
      const { stdout, stderr } = await node.world.kubelet.exec([process.execPath, '-e', script])
      expect(stdout.trim().replace('::ffff:', ''), stderr).toBe(node.world.bridge[family])
    })
    expect(rises).toEqual({ probes: 1, inbound_exempt: 1 })
  })

  it.each(FAMILIES)('of a service that is down is refused by the pod itself: %s', async (family) => {
    const connected = await node.world.kubelet.connect(node.pod('app')[family], 9999)
    expect(connected).toMatchObject({ ok: false, errno: 'ECONNREFUSED' })
  })

  it.each(FAMILIES)('leaves nothing behind when it is over, TIME_WAIT included: %s', async (family) => {
    const app = node.pod('app')
    // The kubelet closes first, so TIME_WAIT is on its side; --rst and a refusal end otherwise.
    for (const options of [['--no-data'], ['--rst'], []])
      await node.world.kubelet.connect(app[family], PORT, ...options)
    await node.world.kubelet.connect(app[family], 9999)
    await expect.poll(() => exemptions(node.world, 'exempt_probe')).toBe(0)
  })

  it.each(FAMILIES)('is exempt for as long as it lasts: %s', async (family) => {
    const held = node.world.kubelet.startDial('connect', node.pod('app')[family], PORT, '--hold')
    await held.waitFor((line) => line.ok === true)
    await expect.poll(() => exemptions(node.world, 'exempt_probe')).toBe(1)
    await held.stop()
    await expect.poll(() => exemptions(node.world, 'exempt_probe')).toBe(0)
  })

  it.each(FAMILIES)('of a pod outside the mesh is no business of ours: %s', async (family) => {
    const served = await node.pod('plain').serve(PORT)
    const rises = await node.counted(async () => {
      expectPlain(await node.world.kubelet.connect(node.pod('plain')[family], PORT))
    })
    expect(rises).toEqual({})
    await served.stop()
  })
})

describe('not exempt is', () => {
  it.each(FAMILIES)('any other process of the node: %s', async (family) => {
    const to = endpoint(node.pod('app')[family], PORT)
    const connected = await node.world.host.connect(node.pod('app')[family], PORT)
    expect(connected).toMatchObject({ ok: true, ended: 'line' })
    expect(clientSeen(connected)).not.toBe(connected.local)
    await node.ztunnel.waitForConnection({ direction: 'inbound', src: connected.local ?? '', dst: to })
  })

  it.each(FAMILIES)('a socket brought into the kubelet’s cgroup: %s', async (family) => {
    const run = node.world.host.startDial('connect', node.pod('app')[family], PORT, '--wait-line')
    await run.waitForEvent('waiting')
    await node.world.kubelet.adopt(run.pid)
    const rises = await node.counted(() => {
      run.write('\n')
      return run.finished()
    })
    expect(rises.probes).toBeUndefined()
    // A late segment of an earlier connection that has ended is counted too.
    expect(rises.inbound_inbound).toBeGreaterThanOrEqual(1)
  })

  it.each(FAMILIES_AND_PORTS)('the kubelet on ztunnel’s own ports: %s, %i', async (family, port) => {
    const rises = await node.counted(async () => {
      const connected = await node.world.kubelet.connect(node.pod('app')[family], port, '--timeout', 1500)
      expect(connected).toMatchObject({ ok: false })
    })
    expect(rises.dropped_guard).toBeGreaterThan(0)
    expect(rises.inbound_exempt).toBeUndefined()
  })
})
