// SPDX-License-Identifier: Apache-2.0
// Who is in the mesh, and since when: labels, annotations, new pods.

import { beforeAll, describe, expect, it } from 'vitest'
import type { TestNamespace } from './kube/namespace.ts'
import type { Pod } from './kube/pod.ts'
import { until } from './kube/until.ts'
import { Carried } from './mesh/carried.ts'
import { eventOf } from './mesh/events.ts'
import { AMBIENT, MODE, REDIRECTION } from './mesh/names.ts'
import { openScene } from './scene.ts'

const scene = openScene()

const carried = new Carried(scene)
let server: Pod
let addresses: readonly string[]
let address: string

beforeAll(async () => {
  await scene.sluice.install()
  const outside = await scene.namespace('join-outside')
  server = await outside.run('server')
  addresses = await server.addresses()
  address = addresses[0] ?? ''
})

describe('a namespace', () => {
  it('takes its running pods into the mesh when it is labelled, and out of it again', async () => {
    const namespace = await scene.namespace('join-label')
    const pods = [await namespace.create('one'), await namespace.create('two')]
    for (const pod of pods) await pod.untilReady()
    for (const pod of pods) await carried.plain(pod, address)
    await namespace.label(MODE, 'ambient')
    for (const pod of pods) await carried.joined(pod)
    for (const pod of pods) await carried.steered(pod, address)
    await namespace.label(MODE, null)
    for (const pod of pods) await carried.left(pod)
    for (const pod of pods) await carried.plain(pod, address)
  })

  it('keeps a pod out of the mesh that opts out', async () => {
    const namespace = await scene.namespace('join-opt-out', { labels: { [MODE]: 'ambient' } })
    const inside = await namespace.create('inside')
    const out = await namespace.create('out', { annotations: { [AMBIENT]: 'false' } })
    const labelled = await namespace.create('labelled', { labels: { [MODE]: 'none' } })
    const sidecar = await namespace.create('sidecar', { annotations: { 'sidecar.istio.io/status': '{}' } })
    const node = await namespace.create('node', {
      command: ['dial', 'pause'],
      spec: { hostNetwork: true }
    })
    for (const pod of [inside, out, labelled, sidecar, node]) await pod.untilReady()
    await carried.joined(inside)
    for (const pod of [out, labelled, sidecar, node]) {
      const { state, reason } = await scene.sluice.untilPod(pod, ['outside'])
      expect({ state, reason }).toMatchObject({ state: 'outside' })
      expect(await carried.redirection(pod)).toBeUndefined()
    }
    for (const pod of [out, labelled, sidecar]) await carried.plain(pod, address)
  })
})

describe('a pod', () => {
  let namespace: TestNamespace
  let pod: Pod

  beforeAll(async () => {
    namespace = await scene.namespace('join-annotation')
    pod = await namespace.run('pod')
  })

  it('joins by its annotation and leaves by taking it away', async () => {
    await pod.annotate(AMBIENT, 'true')
    await carried.joined(pod)
    for (const each of addresses) await carried.steered(pod, each)
    await pod.annotate(AMBIENT, null)
    await carried.left(pod)
    for (const each of addresses) await carried.plain(pod, each)
  })

  it('is dialled by its addresses, past ztunnel and through it', async () => {
    const client = await namespace.run('client')
    for (const own of await pod.addresses()) await carried.plain(client, own)
    await pod.annotate(AMBIENT, 'true')
    await carried.joined(pod)
    for (const own of await pod.addresses()) await carried.reached(client, own)
    await pod.annotate(AMBIENT, null)
    await carried.left(pod)
  })

  it('tells in Events that it joined and left', async () => {
    const { type, message, source } = await eventOf(scene.api, pod, 'Joined')
    expect({ type, message }).toEqual({ type: 'Normal', message: 'traffic is carried by ztunnel' })
    expect(source?.host).toBe((await pod.object())?.spec?.nodeName)
    expect(await eventOf(scene.api, pod, 'Left')).toMatchObject({
      type: 'Normal',
      message: 'nothing asks for the mesh'
    })
  })

  it('leaves by "disabled" in the redirection annotation, which stays as the user wrote it', async () => {
    const user = await namespace.run('user', { annotations: { [AMBIENT]: 'true' } })
    await carried.joined(user)
    await user.annotate(REDIRECTION, 'disabled')
    await scene.sluice.untilPod(user, ['outside'])
    expect(await carried.redirection(user)).toBe('disabled')
    await carried.plain(user, address)
  })
})

describe('a new pod', () => {
  const COUNT = 20

  function dialling(namespace: TestNamespace, name: string): Promise<Pod> {
    const dial = `dial connect ${address} 8080 --count ${COUNT} --interval 50 --each`
    return namespace.create(name, { command: ['sh', '-c', `${dial}; exec dial pause`] })
  }

  /** Own addresses of the connections that a pod made as its first instruction and that were not refused. */
  async function dialled(pod: Pod): Promise<string[]> {
    await pod.untilReady()
    const log = await until(
      `${pod.name} has dialled`,
      () => pod.log(),
      (text) => text.includes('"paused"')
    )
    const lines = log.split('\n').filter((line) => line.startsWith('{"ok":true'))
    return lines.map((line) => (JSON.parse(line) as { local: string }).local)
  }

  /** Ports from which the server was dialled by this pod, as the server saw it. */
  async function seen(pod: Pod): Promise<Set<string>> {
    const [own = ''] = await pod.addresses()
    const log = await server.log()
    return new Set(
      [...log.matchAll(/"peer":\s?"([^"]+)"/g)]
        .map(([, peer = '']) => peer)
        .filter((peer) => peer.startsWith(`${own}:`))
    )
  }

  it('is in the mesh from its first instruction on', async () => {
    const namespace = await scene.namespace('join-new', { labels: { [MODE]: 'ambient' } })
    const pods = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => dialling(namespace, name)))
    for (const pod of pods) {
      const made = await dialled(pod)
      expect(made.length).toBeGreaterThan(0)
      const server = await seen(pod)
      for (const local of made) {
        expect(server.has(local)).toBe(false)
        await scene.ztunnel.waitFor({ direction: 'outbound', src: local })
      }
    }
  })

  it('is dialled from its own port when its namespace has no label: what the test before would have seen', async () => {
    const namespace = await scene.namespace('join-new-plain')
    const pod = await dialling(namespace, 'plain')
    const made = await dialled(pod)
    const server = await seen(pod)
    expect(made).toHaveLength(COUNT)
    for (const local of made) expect(server.has(local)).toBe(true)
  })
})
