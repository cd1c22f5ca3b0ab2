// SPDX-License-Identifier: Apache-2.0
// Pods as Kubernetes makes them: by controllers, by the kubelet alone, again under the same name, in a sandbox that is
// made anew, and such as end by themselves.

import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { V1PodList } from '@kubernetes/client-node'
import { beforeAll, describe, expect, it } from 'vitest'
import type { TestNamespace } from './kube/namespace.ts'
import { appSpec, type Pod } from './kube/pod.ts'
import { until } from './kube/until.ts'
import { Carried } from './mesh/carried.ts'
import { AMBIENT, MODE, REDIRECTION } from './mesh/names.ts'
import { staticPods } from './node/kubelet.ts'
import { endSandbox } from './node/sandbox.ts'
import { openScene } from './scene.ts'

const scene = openScene()
const carried = new Carried(scene)

let namespace: TestNamespace
let address: string

beforeAll(async () => {
  await scene.sluice.install()
  namespace = await scene.namespace('life', { labels: { [MODE]: 'ambient' } })
  const outside = await scene.namespace('life-outside')
  const [first = ''] = await (await outside.run('server')).addresses()
  address = first
})

async function uidOf(pod: Pod): Promise<string | undefined> {
  return (await pod.object())?.metadata?.uid
}

describe('a pod of a StatefulSet', () => {
  it('that comes back under its name is in the mesh again', async () => {
    const labels = { app: 'db' }
    await scene.api.ask('POST', `/apis/apps/v1/namespaces/${namespace.name}/statefulsets`, {
      metadata: { name: 'db' },
      spec: {
        serviceName: 'db',
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: appSpec('db') }
      }
    })
    const pod = namespace.pod('db-0')
    await carried.joined(pod)
    const former = await uidOf(pod)
    await pod.remove()
    await pod.until('made again', ({ metadata }) => metadata?.uid !== former)
    await carried.joined(pod)
    // A pod has joined before its containers are made.
    await pod.untilReady()
    await carried.steered(pod, address)
  })
})

describe('a pod whose sandbox is made anew', () => {
  it('keeps its uid and is in the mesh again', async ({ skip }) => {
    if (scene.state === null) return skip('the sandbox can only be ended on the node')
    const pod = await namespace.run('again')
    await carried.joined(pod)
    await carried.steered(pod, address)
    const [uid, [former]] = [await uidOf(pod), await pod.addresses()]
    await endSandbox(scene.state, uid ?? '')
    await pod.until('has another address', ({ status }) => {
      const now = status?.podIP
      return now !== undefined && now !== '' && now !== former
    })
    await pod.untilReady()
    expect(await uidOf(pod)).toBe(uid)
    await scene.sluice.untilPod(pod, ['enrolled'])
    await carried.steered(pod, address)
  })
})

describe('a Job', () => {
  it('whose pod has completed leaves nothing of it in the mesh', async () => {
    await scene.api.ask('POST', `/apis/batch/v1/namespaces/${namespace.name}/jobs`, {
      metadata: { name: 'once' },
      spec: {
        template: {
          metadata: { labels: { app: 'once' } },
          spec: appSpec('once', {
            command: [
              'sh',
              '-c',
              `dial connect ${address} 8080 --each && until [ -e /tmp/end ]; do sleep 0.1; done`
            ],
            spec: { restartPolicy: 'Never' }
          })
        }
      }
    })
    const path = `/api/v1/namespaces/${namespace.name}/pods?labelSelector=app%3Donce`
    const { items } = await until(
      'the Job has a pod',
      () => scene.api.ask<V1PodList>('GET', path),
      ({ items }) => items.length > 0
    )
    const pod = namespace.pod(items[0]?.metadata?.name ?? '')
    await carried.joined(pod)
    await pod.untilReady()
    await pod.exec(['touch', '/tmp/end'])
    await pod.until('has completed', ({ status }) => status?.phase === 'Succeeded')
    const [connected = ''] = (await pod.log()).split('\n')
    const { local } = JSON.parse(connected) as { local: string }
    await scene.ztunnel.waitFor({ direction: 'outbound', src: local })
    const report = await until(
      'the agent has let go of it',
      () => scene.sluice.report(pod),
      (found) => found === undefined || found.reason.includes('has ended'),
      { everyMs: 500 }
    )
    expect(['known', 'outside', undefined]).toContain(report?.state)
    await pod.until('its annotation is gone', ({ metadata }) => !metadata?.annotations?.[REDIRECTION])
  })
})

describe('a static pod', () => {
  it('joins by the annotation of its manifest', async ({ skip }) => {
    if (scene.state === null) return skip('its manifest is a file on the node')
    const file = join(staticPods(scene.state), 'static.json')
    const unlabelled = await scene.namespace('life-static')
    const annotations = { [AMBIENT]: 'true' }
    const metadata = { name: 'static', namespace: unlabelled.name, labels: { app: 'static' }, annotations }
    await writeFile(
      file,
      JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec: appSpec('static') })
    )
    const pod = unlabelled.pod(`static-${scene.state.node}`)
    await pod.untilReady()
    await carried.joined(pod)
    await carried.steered(pod, address)
    await rm(file)
    await until(
      'it is gone',
      () => pod.object(),
      (object) => object === undefined
    )
  })
})
