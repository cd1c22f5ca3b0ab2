// SPDX-License-Identifier: Apache-2.0
// A ztunnel that misbehaves, hangs, restarts or cannot listen costs no other pod anything.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Report } from '../../world/agent.ts'
import type { Pod } from '../../world/pod.ts'
import type { Line } from '../../world/running.ts'
import { startZtunnel } from '../../ztunnel/launch.ts'
import { JOIN, mesh, type Outsider } from '../setup/mesh.ts'

const PORT = 8080
const REFUSED = { ok: false, errno: 'ECONNREFUSED' }
const CLOSED = 'zds connection closed'

describe('a ztunnel that', () => {
  const node = mesh({ outsiders: ['peer'], plain: ['plain'], ztunnel: false })
  let peer: Outsider
  let pod: Pod

  beforeAll(async () => {
    peer = node.outsider('peer')
    await peer.serve(PORT)
    pod = await node.world.pod({ name: 'waiting', annotations: { [JOIN]: 'true' } })
  })

  it.each([
    { says: 'garbage at once', faults: { 'garbage-hello': 'garbage' } },
    { says: 'garbage for an answer', faults: { garbage: 'garbage' } },
    { says: 'nothing at all, or no answer', faults: { 'no-hello': 'hello-timeout', hang: 'ack-timeout' } }
  ])('says $says is closed, counted and told of; others are untouched', async ({ faults }) => {
    const { refusedZtunnels } = await node.report()
    const names = Object.keys(faults)
    const faulty = await Promise.all(names.map((fault) => startZtunnel(node.world, { fault, standIn: true })))
    expect(await pod.connect(peer.ipv4, PORT)).toMatchObject(REFUSED)
    expect(await node.pod('plain').connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    await node.agent.until((report) => report.refusedZtunnels >= refusedZtunnels + names.length)
    for (const wanted of Object.values(faults)) {
      await node.agent.waitForLog(({ msg, reason }) => msg === CLOSED && reason === wanted)
    }
    for (const each of faulty) await each.kill9()
  })

  it('nacks shows its reason in the status', async () => {
    const faulty = await startZtunnel(node.world, { fault: 'nack', standIn: true })
    const { pods } = await node.agent.until((report) =>
      report.pods.some(({ uid, lastError }) => uid === pod.uid && lastError !== undefined)
    )
    expect(pods.find(({ uid }) => uid === pod.uid)?.lastError).toMatch(/told to fail/)
    expect(await pod.connect(peer.ipv4, PORT)).toMatchObject(REFUSED)
    await faulty.kill9()
  })

  it('behaves, at last, gets all of them', async () => {
    const ztunnel = await node.startZtunnel({ standIn: true })
    await node.agent.untilPod(pod, 'enrolled')
    expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(ztunnel.opened()).toHaveLength(1)
  })

  it('hangs during an Add keeps one pod waiting, and is caught up with afterwards', async () => {
    const { refusedZtunnels } = await node.report()
    node.ztunnel.pause()
    const joining = node.pod('plain')
    await joining.annotate(JOIN, 'true')
    await node.agent.untilPod(joining, 'joining')
    expect(await joining.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    await node.agent.until((report) => report.refusedZtunnels > refusedZtunnels)
    node.ztunnel.resume()
    await node.agent.untilPod(joining, 'enrolled')
    const opened = node.ztunnel.opened().length
    for (const each of [joining, pod]) expect(await each.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(node.ztunnel.opened()).toHaveLength(opened + 2)
  })

  it('restarts is given every pod again', async () => {
    await node.ztunnel.kill9()
    const ztunnel = await node.startZtunnel({ standIn: true })
    for (const each of [pod, node.pod('plain')]) {
      await ztunnel.waitFor(({ event, uid }) => event === 'started' && uid === each.uid)
      await node.agent.untilPod(each, 'enrolled')
      expect(await each.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
      expect(await each.connect(peer.ipv6, PORT)).toMatchObject({ ok: true })
    }
    expect(ztunnel.opened()).toHaveLength(4)
  })

  it('restarts and refuses a pod of the mesh is asked again, and the status says why', async () => {
    const refused = (reports: Report) =>
      /told to fail/.test(reports.pods.find(({ uid }) => uid === pod.uid)?.lastError ?? '')
    await node.ztunnel.kill9()
    const faulty = await startZtunnel(node.world, { fault: 'nack', standIn: true })
    const added = ({ event, uid }: Line) => event === 'add' && uid === pod.uid
    const told = await node.agent.until(refused)
    expect(told.pods.find(({ uid }) => uid === pod.uid)?.state).toMatch(/^(enrolled|verified)$/)
    await expect.poll(() => faulty.lines.filter(added).length).toBeGreaterThan(1)
    await faulty.kill9()
    await node.startZtunnel({ standIn: true })
    await node.agent.until((report) => !refused(report))
    expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
  })

  it('cannot bind in one pod says so, and that pod is enrolled when it can', async () => {
    const [occupied, other] = await Promise.all([node.world.pod('occupied'), node.world.pod('other')])
    const occupier = await occupied.serve(15008)
    for (const each of [occupied, other]) await each.annotate(JOIN, 'true')
    await node.agent.untilPod(other, 'enrolled')
    const { pods } = await node.agent.until((report) =>
      report.pods.some(({ uid, lastError }) => uid === occupied.uid && lastError !== undefined)
    )
    expect(pods.find(({ uid }) => uid === occupied.uid)?.lastError).toMatch(/15008/)
    expect(await occupied.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(await other.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    await occupier.stop()
    await node.agent.untilPod(occupied, 'enrolled')
    expect(await occupied.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(node.ztunnel.opened({ src: new RegExp(`^${occupied.ipv4}:`) })).toHaveLength(1)
  })
})

describe('an agent that starts last', () => {
  const node = mesh({ outsiders: ['peer'], ztunnel: false })

  it('finds the ztunnel and the pods that were there before it', async () => {
    await node.agent.stop()
    const ztunnel = await node.startZtunnel({ standIn: true })
    const early = await node.world.pod({ name: 'early', annotations: { [JOIN]: 'true' } })
    await node.agent.restart()
    await node.agent.untilPod(early, 'enrolled')
    const peer = node.outsider('peer')
    await peer.serve(PORT)
    expect(await early.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    expect(ztunnel.opened()).toHaveLength(1)
  })
})
