// SPDX-License-Identifier: Apache-2.0
// From istio-cni and back, by the commands of docs/migrate.md and docs/uninstall.md. The node is drained again and
// again, so it must be one of this machine.

import type { V1PodList } from '@kubernetes/client-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import project from '../../package.json' with { type: 'json' }
import type { TestNamespace } from './kube/namespace.ts'
import { appSpec, isReady, type Pod } from './kube/pod.ts'
import { until } from './kube/until.ts'
import { Carried } from './mesh/carried.ts'
import { Elsewhere } from './mesh/elsewhere.ts'
import { MODE, REDIRECTION } from './mesh/names.ts'
import { SLUICE_NAMESPACE } from './mesh/sluice.ts'
import { NOTHING, proxyPorts, tracesOf } from './node/traces.ts'
import { Page } from './page.ts'
import { openScene } from './scene.ts'

const scene = openScene()
const { state } = scene
const carried = new Carried(scene)

describe.skipIf(state === null)('a node of this machine', () => {
  if (state === null) return
  const { node } = state
  const names = { 'worker-1': node, NODE: node, 'REGISTRY/sluice': 'docker.io/library/sluice' }
  const page = (path: string) => new Page(path, names, scene.api.kubeconfig)
  const migrate = page('docs/migrate.md')
  const uninstall = page('docs/uninstall.md')

  let mesh: TestNamespace
  let address: string
  let istio: Elsewhere

  /** Makes pods that are made again when they are deleted; a drain leaves those of a DaemonSet. */
  async function workload(namespace: TestNamespace, kind: 'daemonsets' | 'deployments', name: string) {
    const labels = { app: name }
    await scene.api.ask('POST', `/apis/apps/v1/namespaces/${namespace.name}/${kind}`, {
      metadata: { name },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: appSpec(name) } }
    })
  }

  /** The pod of a workload that is ready, and not on its way out. */
  async function podOf(namespace: TestNamespace, app: string): Promise<Pod> {
    const found = await until(
      `a pod of ${app} is ready`,
      async () => {
        const { items } = await scene.api.ask<V1PodList>(
          'GET',
          `${namespace.path}/pods?labelSelector=app%3D${app}`
        )
        return items.find((pod) => isReady(pod) && pod.metadata?.deletionTimestamp === undefined)
      },
      (pod) => pod !== undefined
    )
    return namespace.pod(found?.metadata?.name ?? '')
  }

  const stays = () => podOf(mesh, 'stays')
  const moves = () => podOf(mesh, 'moves')

  beforeAll(async () => {
    if (await scene.sluice.installed()) await scene.sluice.uninstall()
    const own = await scene.api.find(`/api/v1/namespaces/${SLUICE_NAMESPACE}`)
    if (own !== undefined) await scene.kubectl.must(['delete', 'namespace', SLUICE_NAMESPACE])
    mesh = await scene.namespace('migrate', { labels: { [MODE]: 'ambient' } })
    const outside = await scene.namespace('migrate-outside')
    await workload(outside, 'daemonsets', 'server')
    await workload(mesh, 'daemonsets', 'stays')
    await workload(mesh, 'deployments', 'moves')
    const [first = ''] = await (await podOf(outside, 'server')).addresses()
    address = first
    istio = new Elsewhere(state)
    await istio.untilServing()
  })

  afterAll(async () => {
    istio.close()
    await scene.kubectl.must(['uncordon', node])
    await scene.kubectl.must(['label', 'node', node, 'sluice.mesh/canary-'])
  })

  it('is observed beside istio-cni, and nothing changes', async () => {
    await migrate.follow('Observe first')
    const [check = '', status = ''] = migrate.block('Observe first', 1).split('\n')
    const { stdout } = await migrate.run(check)
    expect(stdout).toMatch(/\S/)
    expect(stdout).not.toMatch(/\bmissing\b/)
    for (const pod of [await stays(), await moves()]) {
      await scene.sluice.untilPod(pod, ['observed'])
      await carried.plain(pod, address)
      expect(await carried.redirection(pod)).toBeUndefined()
      const { rules, routes, settings, sockets } = await tracesOf(state, pod)
      expect({ rules, routes, settings, sockets }).toEqual({
        rules: [],
        routes: [],
        settings: [],
        sockets: ['ztunnel.sock']
      })
    }
    expect((await migrate.run(status)).stdout).toMatch(/^migrate +stays-\S+ +would be steered/m)
    expect((await scene.sluice.status()).counters.would_steer).toBeGreaterThan(0)
    expect(istio.serves).toBe(true)
  })

  it('is checked by a pod of its own', async () => {
    const printed = await page('docs/platforms.md').follow('Checking a node first')
    expect(printed).not.toMatch(/\bmissing\b/)
    expect(printed).toMatch(/bpffs|kernel/)
  })

  it('moves to Sluice', async () => {
    const former = await moves()
    await migrate.follow('Move a node')
    istio.close()
    await migrate.follow('Move a node', 2)
    const pod = await moves()
    expect(pod.name).not.toBe(former.name)
    for (const each of [pod, await stays()]) {
      await carried.joined(each)
      await carried.steered(each, address)
    }
  })

  it('goes back, and istio-cni comes only when nothing of Sluice is left', async () => {
    await migrate.follow('One node')
    const former = await stays()
    await carried.steered(former, address)
    expect(await tracesOf(state, former)).not.toMatchObject({ rules: [], routes: [], pins: [] })
    expect(await uninstall.follow('What an agent left')).toMatch(/removed \d+ links/)
    expect(await tracesOf(state, former)).toEqual(NOTHING)
    await carried.plain(former, address)
    await migrate.follow('One node', 1)
    const pod = await stays()
    expect(pod.name).not.toBe(former.name)
    expect((await pod.object())?.metadata?.annotations ?? {}).not.toHaveProperty(REDIRECTION)
    expect(await proxyPorts(state, pod)).toEqual([])
    await carried.plain(pod, address)
    await migrate.follow('One node', 2)
    istio = new Elsewhere(state)
    await istio.untilServing()
    await migrate.follow('One node', 3)
    await carried.plain(await moves(), address)
  })

  it('is one of all that move, and that go back at once, drained or not', async () => {
    istio.close()
    await migrate.follow('Move the rest', 1)
    for (const pod of [await stays(), await moves()]) {
      await carried.joined(pod)
      await carried.steered(pod, address)
    }
    const image = (await (await scene.sluice.agent()).object())?.spec?.containers[0]?.image
    expect(image).toBe(`docker.io/library/sluice:${project.version}`)
    await migrate.follow('Move a node')
    const pod = await stays()
    await migrate.follow('All nodes')
    expect(await tracesOf(state, pod)).toEqual(NOTHING)
    await expect.poll(() => proxyPorts(state, pod)).toEqual([])
    expect(await carried.redirection(pod)).toBeUndefined()
    await carried.plain(pod, address)
    expect(await scene.sluice.installed()).toBe(false)
  })
})
