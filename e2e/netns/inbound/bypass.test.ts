// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import { FAMILIES, type Family, JOIN, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const CHANGES = 20
const BYPASS = 'ambient.istio.io/bypass-inbound-capture'
const VIRTUAL = 'istio.io/reroute-virtual-interfaces'

const node = mesh({
  enrolled: [{ name: 'gateway', annotations: { [BYPASS]: 'true' } }, 'app', 'virtual'],
  plain: ['plain']
})

beforeAll(async () => {
  for (const name of ['gateway', 'app', 'plain']) await node.pod(name).serve(PORT)
})

async function isBypassed(name: string, family: Family): Promise<boolean> {
  const connected = await node.pod('plain').connect(node.pod(name)[family], PORT)
  expect(connected).toMatchObject({ ok: true, ended: 'line' })
  return clientSeen(connected) === connected.local
}

describe('with bypass-inbound-capture', () => {
  it.each(FAMILIES)('plain inbound goes straight to the application: %s', async (family) => {
    const rises = await node.counted(async () => {
      expectPlain(await node.pod('plain').connect(node.pod('gateway')[family], PORT))
    })
    expect(rises).toEqual({ inbound_bypassed: 1, passed: 1 })
  })

  it.each(FAMILIES)('outbound still goes to ztunnel: %s', async (family) => {
    const from = node.pod('gateway')
    const target = node.pod('plain')[family]
    const to = endpoint(target, PORT)
    await expectSteered(node, await from.connect(target, PORT), { from, family, to })
  })

  it.each(FAMILIES)('ztunnel still has :15008: %s', async (family) => {
    const rises = await node.counted(async () => {
      const connected = await node.pod('plain').connect(node.pod('gateway')[family], 15008, '--timeout', 3000)
      expect(connected.ok).toBe(true)
      expect(connected.data ?? '').not.toContain('pod=')
    })
    expect(rises.inbound_bypassed).toBeUndefined()
  })

  it.each(FAMILIES.flatMap((family) => [15001, 15006].map((port) => [family, port] as const)))(
    'ztunnel’s ports stay closed: %s, %i',
    async (family, port) => {
      const rises = await node.counted(async () => {
        const plain = node.pod('plain')
        expect(await plain.connect(node.pod('gateway')[family], port, '--timeout', 500)).toMatchObject({
          ok: false
        })
      })
      expect(rises.dropped_guard).toBeGreaterThan(0)
    }
  )

  it.each(FAMILIES)(
    'the annotation is heeded while the pod is in the mesh, both ways: %s',
    async (family) => {
      const app = node.pod('app')
      expect(await isBypassed('app', family)).toBe(false)
      await app.annotate(BYPASS, 'true')
      await expect.poll(() => isBypassed('app', family)).toBe(true)
      await app.annotate(BYPASS, 'false')
      await expect.poll(() => isBypassed('app', family)).toBe(false)
      await app.annotate(BYPASS, null)
    }
  )
})

describe('a pod that is captured otherwise, again and again', () => {
  it('is what somebody decided, and no drift', async () => {
    const app = node.pod('app')
    await node.agent.untilPod(app, 'verified')
    const { drift } = await node.report()
    for (const value of Array.from({ length: CHANGES }, (_, nth) => String(nth % 2 === 0))) {
      await app.annotate(BYPASS, value)
      await expect.poll(() => isBypassed('app', 'ipv4'), { interval: 10 }).toBe(value === 'true')
    }
    await app.annotate(BYPASS, null)
    await node.agent.untilPod(app, 'verified')
    expect((await node.report()).drift).toEqual(drift)
  })
})

describe('a pod that waits for ztunnel', () => {
  it('is captured as its annotation says when ztunnel comes', async () => {
    await node.ztunnel.kill9()
    const waiting = await node.world.pod({
      name: 'waiting',
      annotations: { [JOIN]: 'true', [BYPASS]: 'true' }
    })
    await node.agent.untilPod(waiting, 'held')
    await waiting.serve(PORT)
    await waiting.annotate(BYPASS, 'false')
    // A change that comes later is heard later.
    const later = await node.world.pod({ name: 'later', annotations: { [JOIN]: 'true' } })
    await node.agent.untilPod(later, 'held')
    await node.startZtunnel({ standIn: true })
    await node.agent.untilPod(waiting, 'enrolled')
    await expect.poll(() => isBypassed('waiting', 'ipv4')).toBe(false)
  })
})

describe('with reroute-virtual-interfaces', () => {
  it('the pod joins, and is told that this is not supported', async () => {
    const before = node.agent.log.length
    await node.pod('virtual').annotate(VIRTUAL, 'net1')
    const line = await node.agent.waitForLog(({ reason }) => String(reason).includes(VIRTUAL))
    expect(line).toMatchObject({ level: 'warn' })
    expect(String(line.reason)).toMatch(/default\/virtual: .*not supported/)
    expect(node.agent.log.length).toBeGreaterThan(before)
    await node.agent.untilPod(node.pod('virtual'), 'enrolled')
  })
})
