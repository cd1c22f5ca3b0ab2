// SPDX-License-Identifier: Apache-2.0
// Pods that ask for the mesh and are not taken in: what becomes of them, and what their Events tell.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addIstioRules, removeIstioRules } from '../netns/conflict/istio.ts'
import type { TestNamespace } from './kube/namespace.ts'
import type { Pod } from './kube/pod.ts'
import { Carried } from './mesh/carried.ts'
import { eventOf } from './mesh/events.ts'
import { AMBIENT, REDIRECTION } from './mesh/names.ts'
import { podProcesses } from './node/processes.ts'
import { openScene } from './scene.ts'

const scene = openScene()
const carried = new Carried(scene)

/** Any name that begins so is a kernel of the pod's own; the pods of this one run as all others do. */
const KATA = { name: 'kata-sluice-test', path: '/apis/node.k8s.io/v1/runtimeclasses' }

let namespace: TestNamespace
let address: string

beforeAll(async () => {
  await scene.sluice.install()
  namespace = await scene.namespace('refused')
  const [first = ''] = await (await namespace.run('server')).addresses()
  address = first
})

/** As istio-cni leaves a pod that it has captured, and its namespace is labelled. */
async function annotate(pod: Pod): Promise<void> {
  const annotations = { [AMBIENT]: 'true', [REDIRECTION]: 'enabled' }
  await scene.api.ask('PATCH', pod.path, { metadata: { annotations } })
}

describe('a pod in which ztunnel cannot listen', () => {
  const SERVING = [
    'dial serve 15008 & server=$!',
    'until [ -e /tmp/freed ]; do sleep 0.1; done',
    'kill $server; exec dial pause'
  ].join('\n')

  it('passes, is told of in an Event, has no annotation, and joins when it can', async () => {
    const pod = await namespace.run('occupied', { command: ['sh', '-c', SERVING] })
    await annotate(pod)
    const { lastError } = await scene.sluice.untilPod(pod, ['failed'])
    expect(lastError).toMatch(/ztunnel/)
    const { type, message } = await eventOf(scene.api, pod, 'EnrolmentFailed')
    expect(type).toBe('Warning')
    expect(message).toMatch(/^ztunnel/)
    await pod.until('has no annotation', ({ metadata }) => !metadata?.annotations?.[REDIRECTION])
    await carried.plain(pod, address)
    await pod.exec(['touch', '/tmp/freed'])
    await carried.joined(pod)
    await carried.steered(pod, address)
  })
})

describe('a pod that istio-cni has captured', () => {
  it('is told of in an Event, keeps istio-cni’s annotation, and joins when its rules are gone', async ({
    skip
  }) => {
    if (scene.state === null) return skip('the rules are made on the node')
    const pod = await namespace.run('captured')
    const [pid] = await podProcesses(scene.state, (await pod.object())?.metadata?.uid ?? '')
    const inside = { netns: `/proc/${pid}/ns/net` }
    await addIstioRules(inside, 'iptables-nft')
    await annotate(pod)
    await scene.sluice.untilPod(pod, ['failed'])
    const { message } = await eventOf(scene.api, pod, 'EnrolmentFailed')
    expect(message).toMatch(/^istio-cni's own rules are in the pod: .*iptables-nft table nat \(ISTIO_OUTPUT/)
    expect(await carried.redirection(pod)).toBe('enabled')
    await removeIstioRules(inside, 'iptables-nft')
    await scene.sluice.untilPod(pod, ['enrolled'])
    await carried.steered(pod, address)
    expect(await carried.redirection(pod)).toBe('enabled')
  })
})

describe('a pod whose runtime has a kernel of its own', () => {
  beforeAll(() => scene.api.ask('POST', KATA.path, { metadata: { name: KATA.name }, handler: 'runc' }))
  afterAll(() => scene.api.ask('DELETE', `${KATA.path}/${KATA.name}`))

  it('is unsupported, told of in an Event, has no annotation, and is not steered', async () => {
    const pod = await namespace.run('kata', {
      annotations: { [AMBIENT]: 'true' },
      spec: { runtimeClassName: KATA.name }
    })
    const { reason } = await scene.sluice.untilPod(pod, ['unsupported'])
    const told = `runtime class ${KATA.name}: its sockets are not this kernel's`
    expect(reason).toBe(told)
    expect(await eventOf(scene.api, pod, 'Unsupported')).toMatchObject({ type: 'Warning', message: told })
    expect(await carried.redirection(pod)).toBeUndefined()
    await carried.plain(pod, address)
  })
})

describe('what a pod says of itself', () => {
  it.each([
    [
      'contradicts',
      { [AMBIENT]: 'true', [REDIRECTION]: 'disabled' },
      'Conflict',
      'refused/contradicts: sluice.mesh/ambient: true and ambient.istio.io/redirection: disabled contradict each other: the pod stays out'
    ],
    [
      'unclear',
      { [AMBIENT]: 'yes' },
      'InvalidValue',
      'refused/unclear: sluice.mesh/ambient: yes is not understood and ignored; use true or false'
    ]
  ])('%s: %j is told of as %s, and not obeyed', async (name, annotations, reason, message) => {
    const pod = await namespace.run(name, { annotations: annotations as Record<string, string> })
    expect(await eventOf(scene.api, pod, reason)).toMatchObject({ type: 'Warning', message })
    await scene.sluice.untilPod(pod, ['outside'])
    await carried.plain(pod, address)
  })
})
