// SPDX-License-Identifier: Apache-2.0
// Who is never held, and who only until the source has named it.

import { beforeAll, describe, expect, it } from 'vitest'
import { Agent } from '../../world/agent.ts'
import { Place } from '../../world/place.ts'
import { JOIN, mesh, type Outsider } from '../setup/mesh.ts'

const PORT = 8080
const REFUSED = { ok: false, errno: 'ECONNREFUSED' }

describe('a pod that no source names', () => {
  const deep = { depth: 6 }
  const node = mesh({
    outsiders: ['peer'],
    plain: ['shallow', { name: 'deep', layout: deep }],
    ztunnel: false,
    agent: { config: { holdWarning: '300ms' } }
  })
  let peer: Outsider

  beforeAll(async () => {
    peer = node.outsider('peer')
    await peer.serve(PORT)
    for (const port of [53, 5353]) await peer.serve(port, '--udp')
  })

  it('is held, and after a while the log and the status say so', async () => {
    const stranger = await node.world.pod({ name: 'stranger', listed: false })
    expect(await stranger.connect(peer.ipv4, PORT)).toMatchObject(REFUSED)
    expect(await stranger.connect(peer.ipv6, PORT)).toMatchObject(REFUSED)
    const warned = await node.agent.waitForLog(
      ({ uid, event }) => uid === stranger.uid && event === 'unjudged'
    )
    expect(warned).toMatchObject({ level: 'warn', msg: 'pod is held and no source names it' })
    const { pods } = await node.agent.status()
    expect(pods.find(({ uid }) => uid === stranger.uid)).toMatchObject({
      state: 'unknown',
      reason: 'no source has named it yet'
    })
    await stranger.writeManifest()
    await node.agent.untilPod(stranger, 'outside')
    expect(await stranger.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
  })

  it('is held at any depth, whatever other depths there are', async () => {
    const stranger = await node.world.pod({ name: 'deeper', listed: false, layout: deep })
    expect(await stranger.connect(peer.ipv4, PORT)).toMatchObject(REFUSED)
    expect(await stranger.connect(peer.ipv6, PORT)).toMatchObject(REFUSED)
    await stranger.writeManifest()
    await node.agent.untilPod(stranger, 'outside')
    expect(await stranger.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
  })

  it.each(['ipv4', 'ipv6'] as const)('may send datagrams, but not to port 53: %s', async (family) => {
    const stranger = await node.world.pod({ name: `resolver-${family}`, listed: false })
    for (const how of [[], ['--connected']]) {
      expect(await stranger.connect(peer[family], 5353, '--udp', ...how)).toMatchObject({ ok: true })
      expect(await stranger.connect(peer[family], 53, '--udp', ...how)).toMatchObject(REFUSED)
    }
    await stranger.writeManifest()
    await node.agent.untilPod(stranger, 'outside')
    expect(await stranger.connect(peer[family], 53, '--udp')).toMatchObject({ ok: true })
  })

  it('is not held in the node’s own network namespace', async () => {
    const static_ = await node.world.pod({ name: 'apiserver', listed: false, hostNetwork: true })
    expect(await static_.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(await static_.connect(peer.ipv6, PORT)).toMatchObject({ ok: true })
    const { pods } = await node.report()
    expect(pods.find(({ uid }) => uid === static_.uid)).toMatchObject({ state: 'unknown' })
  })

  it.each([
    { who: 'of an excluded namespace', about: { namespace: 'kube-system' } },
    {
      who: 'that is ztunnel',
      about: { namespace: 'istio-system', labels: { app: 'ztunnel' }, serviceAccount: 'ztunnel' }
    }
  ])('is released when the source names it as one $who', async ({ about }) => {
    const component = await node.world.pod({ name: 'component', listed: false, ...about })
    expect(await component.connect(peer.ipv4, PORT)).toMatchObject(REFUSED)
    component.annotations[JOIN] = 'true'
    await component.writeManifest()
    await node.agent.untilPod(component, 'outside')
    expect(await component.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    await component.remove()
  })
})

describe('the agent’s own cgroup', () => {
  const node = mesh({ outsiders: ['peer'], ztunnel: false })

  it('is never held, though it lies in a pod that no source names', async () => {
    const { world } = node
    const peer = node.outsider('peer')
    await peer.serve(PORT)
    await node.agent.stop()
    const home = await world.pod({ name: 'sluice', listed: false })
    const neighbour = await world.pod({ name: 'neighbour', listed: false })
    const place = new Place('agent', home.cgroup, '-')
    const config = { ...world.agentConfig(), strict: true }
    const agent = await Agent.start({ place, runDirectory: world.runDirectory, config })
    expect(await neighbour.connect(peer.ipv4, PORT)).toMatchObject(REFUSED)
    expect(await home.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    await agent.stop()
  })
})
