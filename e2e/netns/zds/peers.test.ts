// SPDX-License-Identifier: Apache-2.0
// Whoever is taken for ztunnel is handed every pod's network namespace.

import { describe, expect, it } from 'vitest'
import { startZtunnel } from '../../ztunnel/launch.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'

const PORT = 8080

describe('with a configured cgroup', () => {
  const node = mesh({ enrolled: ['member'], outsiders: ['peer'] })

  it.each([
    { who: 'a process of the node', place: () => node.world.host },
    { who: 'a process in an enrolled pod', place: () => node.pod('member') }
  ])('$who is closed, counted and logged', async ({ place }) => {
    const { refusedZtunnels } = await node.report()
    const impostor = await startZtunnel(node.world, { place: place(), standIn: true })
    const report = await node.agent.until((seen) => seen.refusedZtunnels > refusedZtunnels)
    expect(report.ztunnels).toMatchObject([{ cgroup: `/${node.world.prefix}/ztunnel` }])
    await node.agent.waitForLog(
      ({ msg, reason }) => msg === 'zds connection closed' && reason === 'not-in-ztunnel-cgroup'
    )
    expect(impostor.lines.filter(({ event }) => event === 'add' || event === 'started')).toEqual([])
    await impostor.stop()
  })

  it.each(FAMILIES)('and the true one goes on: %s', async (family: Family) => {
    const peer = node.outsider('peer')
    const server = await peer.serve(PORT)
    expect(await node.pod('member').connect(peer[family], PORT)).toMatchObject({ ok: true })
    expect(node.ztunnel.opened({ direction: 'outbound' }).length).toBeGreaterThan(0)
    await server.stop()
  })
})

describe('with ztunnel as a pod of the manifests', () => {
  const ztunnelPod = { labels: { app: 'ztunnel' }, serviceAccount: 'ztunnel' }
  const node = mesh({
    outsiders: ['peer'],
    ztunnel: false,
    agent: { config: { ztunnel: { cgroup: undefined } } },
    prepare: async (world) => {
      await world.namespace('istio-system')
      await world.namespace('mesh', { labels: { 'istio.io/dataplane-mode': 'ambient' } })
    }
  })

  it.each([
    { what: 'another namespace', about: { ...ztunnelPod, namespace: 'default' } },
    {
      what: 'another service account',
      about: { ...ztunnelPod, serviceAccount: 'x', namespace: 'istio-system' }
    },
    { what: 'another label', about: { serviceAccount: 'ztunnel', namespace: 'istio-system' } }
  ])('a pod with $what is refused', async ({ about }) => {
    const { refusedZtunnels } = await node.report()
    const pod = await node.world.pod({ name: 'impostor', ...about })
    await node.agent.untilPod(pod, 'outside')
    const impostor = await startZtunnel(node.world, { place: pod, standIn: true })
    const { ztunnels } = await node.agent.until((seen) => seen.refusedZtunnels > refusedZtunnels)
    expect(ztunnels).toEqual([])
    await node.agent.waitForLog(({ reason }) => reason === 'not-ztunnel')
    await impostor.stop()
    await pod.remove()
  })

  it('the pod that the design allows is served, and the pods that waited are enrolled', async () => {
    const waiting = await node.world.pod({ name: 'waiting', namespace: 'mesh' })
    await node.agent.untilPod(waiting, ['held', 'failed'])
    const home = await node.world.pod({ name: 'ztunnel-x7', namespace: 'istio-system', ...ztunnelPod })
    const ztunnel = await node.startZtunnel({ place: home, standIn: true })
    const { ztunnels } = await node.agent.untilPod(waiting, 'enrolled')
    expect(ztunnels).toMatchObject([{ pid: ztunnel.pid }])
    const peer = node.outsider('peer')
    await peer.serve(PORT)
    expect(await waiting.connect(peer.ipv4, PORT)).toMatchObject({ ok: true, peer: `${peer.ipv4}:${PORT}` })
    expect(ztunnel.opened({ dst: `${peer.ipv4}:${PORT}` })).toHaveLength(1)
    expect(await home.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(ztunnel.opened()).toHaveLength(1)
  })
})
