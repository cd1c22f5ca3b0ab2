// SPDX-License-Identifier: Apache-2.0
// The source against a real API server: what it tells, and what it asks.

import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import type { ApiRequest, KubernetesApi } from '../../observer/kubernetes/api.ts'
import { podsOf } from '../../observer/sources/kubernetes/decode.ts'
import { listing } from '../../observer/sources/kubernetes/listing.ts'
import { until } from './kube/until.ts'
import { AMBIENT, MODE } from './mesh/names.ts'
import { openNobody } from './nobody.ts'
import { restartApiServer } from './node/restart.ts'

const COUNT = 250

const nobody = openNobody(COUNT)

describe('the source', () => {
  it(`tells ${COUNT} pods, each after its namespace, and then that this is all`, async () => {
    using follower = await nobody.follow()
    expect(new Set(follower.pods.map(({ uid }) => uid)).size).toBe(COUNT)
    const kinds = follower.events.map((event) =>
      event.kind === 'namespace' && event.namespace.name !== nobody.namespace.name ? 'other' : event.kind
    )
    expect(kinds.indexOf('namespace')).toBeLessThan(kinds.indexOf('pod'))
    expect(kinds.at(-1)).toBe('synced')
  })

  it('asks for the newest list a page at a time', async () => {
    const pages: ApiRequest[] = []
    const counting: Pick<KubernetesApi, 'answer'> = {
      answer: (request) => {
        pages.push(request)
        return nobody.api.answer(request)
      }
    }
    const all = await firstValueFrom(listing(counting, podsOf(nobody.nodeName), true))
    expect(new Set(all.items.map((item) => item.kind === 'object' && item.object.uid)).size).toBe(COUNT)
    expect(pages).toHaveLength(3)
  })

  it('asks for nothing more while nothing changes', async () => {
    using follower = await nobody.follow()
    const before = follower.requests.length
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(follower.requests.length).toBe(before)
  })

  it('tells annotations, labels of the namespace, and ends', async () => {
    using follower = await nobody.follow()
    await nobody.scene.api.ask('PATCH', nobody.podPath('pod-0'), {
      metadata: { annotations: { [AMBIENT]: 'true' } }
    })
    await follower.heard(
      'annotation',
      (event) => event.kind === 'pod' && event.pod.annotations[AMBIENT] === 'true'
    )
    await nobody.namespace.label(MODE, 'ambient')
    await follower.heard(
      'label',
      (event) => event.kind === 'namespace' && event.namespace.labels[MODE] === 'ambient'
    )
    await nobody.namespace.label(MODE, null)
    const uid = follower.pods.find(({ name }) => name === 'pod-1')?.uid
    await nobody.scene.api.ask('DELETE', `${nobody.podPath('pod-1')}?gracePeriodSeconds=0`)
    await follower.heard('end', (event) => event.kind === 'pod-gone' && event.uid === uid)
    expect(follower.requests.filter(({ query }) => query?.watch === undefined)).toHaveLength(2)
  })

  it('goes on from the last version when the server ends its watches, and lists nothing again', async () => {
    using follower = await nobody.follow(1)
    await until('several renewals', () => follower.watches >= 6)
    await nobody.scene.api.ask('PATCH', nobody.podPath('pod-2'), { metadata: { labels: { renewed: 'yes' } } })
    await follower.heard('label', (event) => event.kind === 'pod' && event.pod.labels.renewed === 'yes')
    expect(follower.events.filter(({ kind }) => kind === 'problem')).toEqual([])
    expect(follower.requests.filter(({ query }) => query?.watch === undefined)).toHaveLength(2)
    expect(follower.pods.filter(({ name }) => name === 'pod-3')).toHaveLength(1)
  })

  it('lists again when the server has forgotten its version, and tells only what is new', async ({
    skip
  }) => {
    // A young API server remembers everything; one that begins anew knows nothing of before.
    if (nobody.scene.state === null) return skip('only a server that begins anew is sure to have forgotten')
    await restartApiServer(nobody.scene.state)
    using follower = await nobody.follow(1)
    await nobody.scene.api.ask('PATCH', nobody.podPath('pod-4'), { metadata: { labels: { known: 'yes' } } })
    await follower.heard('label', (event) => event.kind === 'pod' && event.pod.labels.known === 'yes')
    const told = follower.pods.length
    expect(follower.lists).toBe(1)
    follower.forget()
    await until('the pods are listed again', () => follower.lists === 2)
    await nobody.scene.api.ask('PATCH', nobody.podPath('pod-4'), { metadata: { labels: { known: 'well' } } })
    await follower.heard('label', (event) => event.kind === 'pod' && event.pod.labels.known === 'well')
    expect(follower.pods.slice(told).map(({ name }) => name)).toEqual(['pod-4'])
    expect(follower.events.filter(({ kind }) => kind === 'problem')).toEqual([])
  })
})
