// SPDX-License-Identifier: Apache-2.0
// What the agent tells a real API server of its pods.

import type { CoreV1EventList } from '@kubernetes/client-node'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { Pod } from '../../observer/pods/pod.ts'
import { Publisher } from '../../observer/publish/publisher.ts'
import { membership, podState } from '../../observer/test/pods/pods.ts'
import { until } from './kube/until.ts'
import { REDIRECTION } from './mesh/names.ts'
import { openNobody } from './nobody.ts'

const nobody = openNobody(3)

describe('the publisher', () => {
  const told = async (name: string): Promise<Pod> => {
    using follower = await nobody.follow()
    return follower.pods.findLast((pod) => pod.name === name) as Pod
  }

  const said = async (name: string) =>
    (await nobody.scene.api.find(nobody.podPath(name)))?.metadata?.annotations?.[REDIRECTION]

  function publisher(): Publisher {
    const { api, nodeName } = nobody
    return new Publisher({ api, mode: 'enforce', nodeName, log: pino({ enabled: false }) })
  }

  it('writes what is due to the pod, and takes it back', async () => {
    const publish = publisher()
    const pod = await told('pod-0')
    publish.heard({ state: podState({ phase: 'verified', pod, membership: membership('in') }), effects: [] })
    await until('enabled', async () => (await said(pod.name)) === 'enabled')
    publish.heard({ state: podState({ phase: 'leaving', pod, membership: membership('out') }), effects: [] })
    await until('taken back', async () => (await said(pod.name)) === undefined)
    publish.close()
  })

  it("does not write over a user's word that it has not heard of", async () => {
    const publish = publisher()
    const pod = await told('pod-1')
    await nobody.scene.api.ask('PATCH', nobody.podPath(pod.name), {
      metadata: { annotations: { [REDIRECTION]: 'disabled' } }
    })
    const state = podState({ phase: 'verified', pod, membership: membership('in') })
    publish.heard({ state, effects: [] })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    publish.heard({ state: { ...state, pod: await told(pod.name) }, effects: [] })
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await said(pod.name)).toBe('disabled')
    publish.close()
  })

  it('tells Events that the server takes', async () => {
    const publish = publisher()
    const pod = await told('pod-2')
    const state = podState({ phase: 'enrolled', pod, membership: membership('in') })
    publish.heard({ state, effects: [{ do: 'announce', what: 'joined', message: 'traffic is carried' }] })
    const path = `${nobody.namespace.path}/events?fieldSelector=involvedObject.uid%3D${pod.uid}`
    const found = await until(
      'event',
      async () => (await nobody.scene.api.ask<CoreV1EventList>('GET', path)).items,
      (items) => items.length > 0
    )
    expect(found).toMatchObject([
      { type: 'Normal', reason: 'Joined', source: { component: 'sluice', host: nobody.nodeName } }
    ])
    publish.close()
  })
})
