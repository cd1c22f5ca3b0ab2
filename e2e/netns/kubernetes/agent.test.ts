// SPDX-License-Identifier: Apache-2.0
// The agent with an API server instead of manifests: pods join and leave by what is written there, and the server is
// told. The server is a stand-in; e2e/cluster has a real one.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { Stored } from '../../../observer/test/kubernetes/answers.ts'
import { ApiServer } from '../../../observer/test/kubernetes/api-server.ts'
import { Authority } from '../../../observer/test/kubernetes/authority.ts'
import {
  NAMESPACES,
  namespaceObject,
  PODS,
  podObject,
  writeKubeconfig
} from '../../../observer/test/kubernetes/objects.ts'
import { mountPoint } from '../../world/mounts.ts'
import type { Pod } from '../../world/pod.ts'
import { openPorts } from '../setup/listeners.ts'
import { JOIN, mesh, type Outsider } from '../setup/mesh.ts'
import { Wire } from '../setup/wire.ts'

const PORT = 8080
const ECHO = 8081
const REDIRECTION = 'ambient.istio.io/redirection'
const MODE = 'istio.io/dataplane-mode'
const DAEMON_SETS = '/apis/apps/v1/daemonsets'
const OWN = { kind: 'DaemonSet', metadata: { name: 'sluice', namespace: 'mesh', uid: 'd1' } }

describe('an agent with an API server', () => {
  let server: ApiServer
  let authority: Authority
  let kubeconfig = ''
  let peer: Outsider

  const node = mesh({
    outsiders: ['peer'],
    prepare: async ({ runDirectory }) => {
      authority = new Authority(runDirectory)
      server = await ApiServer.start(authority)
      server.put(DAEMON_SETS, OWN)
      server.put(NAMESPACES, namespaceObject('shop'))
      kubeconfig = writeKubeconfig(runDirectory, server.url, authority)
    },
    agent: () => ({
      config: { source: 'kubernetes', kubernetes: { kubeconfig, nodeName: 'n1' } }
    }),
    ztunnel: { standIn: true }
  })

  beforeAll(async () => {
    peer = node.outsider('peer')
    await peer.serve(PORT)
    return () => server.stop()
  })

  const pathOf = ({ name }: Pod) => `/api/v1/namespaces/shop/pods/${name}`
  const stored = (pod: Pod) => server.find(pathOf(pod)) as Stored
  const said = (pod: Pod) => stored(pod).metadata.annotations?.[REDIRECTION]

  function annotate(pod: Pod, key: string, value: string | null): void {
    const object = stored(pod)
    const { [key]: _, ...others } = object.metadata.annotations ?? {}
    const annotations = value === null ? others : { ...others, [key]: value }
    server.put(PODS, { ...object, metadata: { ...object.metadata, annotations } })
  }

  async function run(name: string, annotations: Record<string, string> = {}): Promise<Pod> {
    const pod = await node.world.pod({ name, namespace: 'shop', listed: false, start: false })
    server.put(PODS, podObject(name, { uid: pod.uid, annotations }))
    await pod.start()
    return pod
  }

  const untilSaid = (pod: Pod, value: string | undefined) =>
    vi.waitFor(() => expect(said(pod)).toBe(value), { timeout: 20_000, interval: 10 })

  /** Patches that were sent for the pod. */
  const patches = (pod: Pod) =>
    server.seen
      .filter(({ method, path }) => method === 'PATCH' && path === `${pathOf(pod)}/status`)
      .map(({ body }) => (JSON.parse(body) as Stored).metadata.annotations?.[REDIRECTION])

  const events = (pod: Pod) =>
    server.seen
      .filter(({ method, path }) => method === 'POST' && path === '/api/v1/namespaces/shop/events')
      .map(({ body }) => JSON.parse(body) as { involvedObject: { uid: string }; reason: string })
      .flatMap(({ involvedObject, reason }) => (involvedObject.uid === pod.uid ? [reason] : []))

  const untilTold = (pod: Pod, ...reasons: string[]) =>
    vi.waitFor(() => expect(events(pod)).toEqual(reasons), { timeout: 20_000, interval: 10 })

  async function steered(pod: Pod): Promise<boolean> {
    const opened = node.ztunnel.opened().length
    expect(await pod.connect(peer.ipv4, PORT)).toMatchObject({ ok: true })
    return node.ztunnel.opened().length > opened
  }

  it('says that a pod takes HBONE once it is verified, and that it joined', async () => {
    const pod = await run('joins', { [JOIN]: 'true' })
    await untilSaid(pod, 'enabled')
    expect((await node.report()).pods.find(({ uid }) => uid === pod.uid)?.state).toBe('verified')
    expect(await steered(pod)).toBe(true)
    await untilTold(pod, 'Joined')
    expect(patches(pod)).toEqual(['enabled'])
  })

  it('says nothing of a pod before ztunnel listens in it', async () => {
    await node.ztunnel.kill9()
    const pod = await run('waits', { [JOIN]: 'true' })
    await node.agent.untilPod(pod, ['held', 'failed'])
    const later = await run('later', { [REDIRECTION]: 'enabled' })
    await untilSaid(later, undefined)
    expect(patches(pod)).toEqual([])
    await node.startZtunnel({ standIn: true })
    await untilSaid(pod, 'enabled')
    expect(await openPorts(pod)).toContain(15008)
  })

  it('lets a pod join and leave by its annotation, and says so each time', async () => {
    const pod = await run('changes')
    await node.agent.untilPod(pod, 'outside')
    annotate(pod, JOIN, 'true')
    await untilSaid(pod, 'enabled')
    expect(await steered(pod)).toBe(true)
    annotate(pod, JOIN, null)
    await untilSaid(pod, undefined)
    await node.agent.untilPod(pod, 'outside')
    expect(await steered(pod)).toBe(false)
    await untilTold(pod, 'Joined', 'Left')
    expect(patches(pod)).toEqual(['enabled', null])
  })

  it('lets pods join and leave by the label of their namespace', async () => {
    const pod = await run('labelled')
    await node.agent.untilPod(pod, 'outside')
    server.put(NAMESPACES, namespaceObject('shop', { [MODE]: 'ambient' }))
    await untilSaid(pod, 'enabled')
    server.put(NAMESPACES, namespaceObject('shop'))
    await untilSaid(pod, undefined)
  })

  it("heeds a user's disabled, and never writes over it", async () => {
    const pod = await run('disabled', { [JOIN]: 'true' })
    await untilSaid(pod, 'enabled')
    annotate(pod, REDIRECTION, 'disabled')
    await node.agent.untilPod(pod, 'outside')
    expect(await steered(pod)).toBe(false)
    await untilTold(pod, 'Joined', 'Conflict', 'Left')
    expect(said(pod)).toBe('disabled')
    expect(patches(pod)).toEqual(['enabled'])
  })

  it('takes away what a former agent said of a pod that is not captured', async () => {
    const pod = await run('stale', { [REDIRECTION]: 'enabled' })
    await untilSaid(pod, undefined)
    await node.agent.untilPod(pod, 'outside')
  })

  it('holds nothing against a pod that the kubelet made of a file', async () => {
    const hash = 'a'.repeat(32)
    const mirrored = { name: 'static', namespace: 'shop', uid: hash }
    const pod = await node.world.pod({ ...mirrored, listed: false, start: false })
    const annotations = {
      [JOIN]: 'true',
      'kubernetes.io/config.hash': hash,
      'kubernetes.io/config.mirror': hash
    }
    server.put(PODS, podObject('static', { uid: 'of-the-api', annotations }))
    await pod.start()
    await untilSaid(pod, 'enabled')
    expect(await steered(pod)).toBe(true)
  })

  it('keeps steering while the server is away, and catches up when it is back', async () => {
    const pod = await run('away', { [JOIN]: 'true' })
    await untilSaid(pod, 'enabled')
    const { port } = server
    server.instead = (_, response) => {
      response.socket?.destroy()
      return true
    }
    server.cut()
    await node.agent.until(({ agent }) => (agent.problems ?? []).some((text) => text.includes(String(port))))
    expect(await steered(pod)).toBe(true)
    annotate(pod, JOIN, null)
    server.instead = () => false
    await untilSaid(pod, undefined)
    await node.agent.until(({ agent }) => agent.problems?.length === 0)
    await untilTold(pod, 'Joined', 'Left')
  })

  it('asks for nothing while nothing changes', async () => {
    await vi.waitFor(() => expect(server.watching).toBe(2), { timeout: 20_000 })
    const before = server.seen.length
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(server.seen.slice(before)).toEqual([])
  })

  it('an agent that follows another writes nothing to pods that stay as they are', async () => {
    const pod = node.pod('joins')
    const before = patches(pod)
    await node.agent.restart()
    await node.agent.untilPod(pod, 'verified')
    expect(await steered(pod)).toBe(true)
    expect(said(pod)).toBe('enabled')
    expect(patches(pod)).toEqual(before)
    expect(node.agent.running).toBe(true)
  })

  it('takes everything back when its DaemonSet is gone, after the connections in ztunnel have ended', async () => {
    const pod = node.pod('joins')
    const pins = join(mountPoint('bpf'), node.world.prefix)
    expect(readdirSync(pins)).not.toEqual([])
    expect(await openPorts(pod)).toEqual(expect.arrayContaining([15001, 15006, 15008]))
    const wire = await Wire.watch(peer, ECHO)
    const echo = await peer.serve(ECHO, '--echo')
    const held = pod.startDial('connect', peer.ipv4, ECHO, '--hold')
    await held.waitForEvent('echo')
    // At its start, at its end, at the start of the next; again where an answer was late.
    await vi.waitFor(
      () => {
        const asked = server.seen.filter(({ path }) => path.endsWith('/daemonsets/sluice'))
        expect(asked.length).toBeGreaterThanOrEqual(3)
      },
      { timeout: 20_000 }
    )
    server.remove(DAEMON_SETS, OWN)
    const ended = node.agent.stop()
    await node.agent.untilPod(pod, 'leaving')
    await untilSaid(pod, undefined)
    expect(await steered(pod)).toBe(false)
    const echoed = () => Number(held.lines.findLast(({ event }) => event === 'echo')?.echoed)
    const before = echoed()
    await held.waitFor(({ event, echoed }) => event === 'echo' && Number(echoed) > before + 2)
    held.signal('SIGTERM')
    expect((await held.finished()).lines.at(-1)).toMatchObject({ event: 'held' })
    await ended
    expect(() => readdirSync(pins)).toThrow(/ENOENT/)
    await expect.poll(() => openPorts(pod)).toEqual([])
    expect(await steered(pod)).toBe(false)
    await wire.stop()
    expect(wire.segments).not.toEqual([])
    expect(wire.strangers(echo)).toEqual([])
  })
})
