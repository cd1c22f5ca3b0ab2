// SPDX-License-Identifier: Apache-2.0
// What the agent asks of an API server and tells it, against a real one: 250 pods of a node that does not exist, so
// that no kubelet takes part.

import type { CoreV1EventList } from '@kubernetes/client-node'
import { pino } from 'pino'
import { asyncScheduler, firstValueFrom, type Observable, type Subscription } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiRequest, HttpsApi, type KubernetesApi } from '../../observer/kubernetes/api.ts'
import { Credentials } from '../../observer/kubernetes/credentials.ts'
import { OwnDaemonSet } from '../../observer/kubernetes/own-daemon-set.ts'
import type { Pod } from '../../observer/pods/pod.ts'
import { Publisher } from '../../observer/publish/publisher.ts'
import { podsOf } from '../../observer/sources/kubernetes/decode.ts'
import { kubernetesSource } from '../../observer/sources/kubernetes/kubernetes.ts'
import { watching } from '../../observer/sources/kubernetes/watching.ts'
import type { SourceEvent } from '../../observer/sources/source.ts'
import { membership, podState } from '../../observer/test/pods/pods.ts'
import { uniquePrefix } from '../world/name.ts'
import type { TestNamespace } from './kube/namespace.ts'
import { until } from './kube/until.ts'
import { AMBIENT, MODE, REDIRECTION } from './mesh/names.ts'
import { restartApiServer } from './node/restart.ts'
import { openScene } from './scene.ts'

const COUNT = 250
const AT_ONCE = 25

const scene = openScene()
const nodeName = `nobody-${uniquePrefix()}`

let namespace: TestNamespace
let credentials: Credentials
let api: HttpsApi

async function makePods(): Promise<void> {
  const make = async (from: number) => {
    for (let index = from; index < COUNT; index += AT_ONCE)
      await namespace.create(`pod-${index}`, { spec: { nodeName } })
  }
  await Promise.all(Array.from({ length: AT_ONCE }, (_, from) => make(from)))
}

beforeAll(async () => {
  credentials = await Credentials.open(scene.api.kubeconfig)
  api = new HttpsApi(credentials)
  namespace = await scene.namespace(`source-${uniquePrefix()}`)
  await makePods()
})

// Nobody ends pods that no kubelet runs.
afterAll(async () => {
  credentials.close()
  await scene.api.ask('DELETE', `${namespace.path}/pods?gracePeriodSeconds=0`)
})

/** The source, with every request that it makes; its watches may be made to end early. */
class Follower {
  readonly requests: ApiRequest[] = []
  readonly events: SourceEvent[] = []
  readonly #subscription: Subscription

  constructor(watchSeconds?: number) {
    const noted = (request: ApiRequest): ApiRequest => {
      this.requests.push(request)
      if (watchSeconds === undefined || request.query?.watch === undefined) return request
      return { ...request, query: { ...request.query, timeoutSeconds: String(watchSeconds) } }
    }
    const counting: KubernetesApi = {
      server: api.server,
      answer: (request) => api.answer(noted(request)),
      stream: (request) => api.stream(noted(request))
    }
    this.#subscription = kubernetesSource({ api: counting, nodeName }).events$.subscribe((event) =>
      this.events.push(event)
    )
  }

  get pods(): readonly Pod[] {
    return this.events.flatMap((event) => (event.kind === 'pod' ? [event.pod] : []))
  }

  get watches(): number {
    return this.requests.filter(({ query }) => query?.watch === 'true').length
  }

  heard(what: string, is: (event: SourceEvent) => boolean): Promise<SourceEvent | undefined> {
    return until(what, () => this.events.find(is))
  }

  async synced(): Promise<this> {
    await this.heard('synced', ({ kind }) => kind === 'synced')
    await until('both watches', () => this.watches === 2)
    return this
  }

  [Symbol.dispose](): void {
    this.#subscription.unsubscribe()
  }
}

const podPath = (name: string) => `${namespace.path}/pods/${name}`

describe('the source', () => {
  it(`tells ${COUNT} pods, each after its namespace, and then that this is all`, async () => {
    using follower = await new Follower().synced()
    expect(new Set(follower.pods.map(({ uid }) => uid)).size).toBe(COUNT)
    const kinds = follower.events.map((event) =>
      event.kind === 'namespace' && event.namespace.name !== namespace.name ? 'other' : event.kind
    )
    expect(kinds.indexOf('namespace')).toBeLessThan(kinds.indexOf('pod'))
    expect(kinds.at(-1)).toBe('synced')
  })

  it('asks for nothing more while nothing changes', async () => {
    using follower = await new Follower().synced()
    const before = follower.requests.length
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    expect(follower.requests.length).toBe(before)
  })

  it('tells annotations, labels of the namespace, and ends', async () => {
    using follower = await new Follower().synced()
    await scene.api.ask('PATCH', podPath('pod-0'), { metadata: { annotations: { [AMBIENT]: 'true' } } })
    await follower.heard(
      'annotation',
      (event) => event.kind === 'pod' && event.pod.annotations[AMBIENT] === 'true'
    )
    await namespace.label(MODE, 'ambient')
    await follower.heard(
      'label',
      (event) => event.kind === 'namespace' && event.namespace.labels[MODE] === 'ambient'
    )
    await namespace.label(MODE, null)
    const uid = follower.pods.find(({ name }) => name === 'pod-1')?.uid
    await scene.api.ask('DELETE', `${podPath('pod-1')}?gracePeriodSeconds=0`)
    await follower.heard('end', (event) => event.kind === 'pod-gone' && event.uid === uid)
    expect(follower.requests.filter(({ query }) => query?.watch === undefined)).toHaveLength(2)
  })

  it('goes on from the last version when the server ends its watches, and lists nothing again', async () => {
    using follower = await new Follower(1).synced()
    await until('several renewals', () => follower.watches >= 6)
    await scene.api.ask('PATCH', podPath('pod-2'), { metadata: { labels: { renewed: 'yes' } } })
    await follower.heard('label', (event) => event.kind === 'pod' && event.pod.labels.renewed === 'yes')
    expect(follower.events.filter(({ kind }) => kind === 'problem')).toEqual([])
    expect(follower.requests.filter(({ query }) => query?.watch === undefined)).toHaveLength(2)
    expect(follower.pods.filter(({ name }) => name === 'pod-3')).toHaveLength(1)
  })

  it('is told by 410 that a version is forgotten', async () => {
    // A young API server remembers everything; one that begins anew knows nothing of before.
    if (scene.state !== null) await restartApiServer(scene.state)
    const watch$ = watching(api, podsOf(nodeName), '1', { random: () => 0, scheduler: asyncScheduler })
    const failure = await new Promise((resolve, reject) => {
      watch$.subscribe({ error: resolve, complete: () => reject(new Error('no failure')) })
    })
    expect(failure).toMatchObject({ name: 'ApiFailure', status: 410 })
  })
})

describe('the publisher', () => {
  const told = async (name: string): Promise<Pod> => {
    using follower = await new Follower().synced()
    return follower.pods.findLast((pod) => pod.name === name) as Pod
  }

  const said = async (name: string) =>
    (await scene.api.find(podPath(name)))?.metadata?.annotations?.[REDIRECTION]

  function publisher(): Publisher {
    return new Publisher({ api, mode: 'enforce', nodeName, log: pino({ enabled: false }) })
  }

  it('writes what is due to the pod, and takes it back', async () => {
    const publish = publisher()
    const pod = await told('pod-10')
    publish.heard({ state: podState({ phase: 'verified', pod, membership: membership('in') }), effects: [] })
    await until('enabled', async () => (await said(pod.name)) === 'enabled')
    publish.heard({ state: podState({ phase: 'leaving', pod, membership: membership('out') }), effects: [] })
    await until('taken back', async () => (await said(pod.name)) === undefined)
    publish.close()
  })

  it("does not write over a user's word that it has not heard of", async () => {
    const publish = publisher()
    const pod = await told('pod-11')
    await scene.api.ask('PATCH', podPath(pod.name), {
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
    const pod = await told('pod-12')
    const state = podState({ phase: 'enrolled', pod, membership: membership('in') })
    publish.heard({ state, effects: [{ do: 'announce', what: 'joined', message: 'traffic is carried' }] })
    const path = `${namespace.path}/events?fieldSelector=involvedObject.uid%3D${pod.uid}`
    const found = await until(
      'event',
      async () => (await scene.api.ask<CoreV1EventList>('GET', path)).items,
      (items) => items.length > 0
    )
    expect(found).toMatchObject([
      { type: 'Normal', reason: 'Joined', source: { component: 'sluice', host: nodeName } }
    ])
    publish.close()
  })
})

describe('the DaemonSet question', () => {
  const name = 'sluice'
  const labels = { app: 'none' }
  const spec = {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { nodeSelector: { no: 'node' }, containers: [{ name: 'none', image: 'none' }] }
    }
  }

  const collection = () => `/apis/apps/v1/namespaces/${namespace.name}/daemonsets`

  async function met(): Promise<OwnDaemonSet> {
    const asked: Observable<unknown>[] = []
    const noting = {
      answer: (request: ApiRequest) => {
        const answer$ = api.answer(request)
        asked.push(answer$)
        return answer$
      }
    }
    const options = { api: noting, name: { namespace: namespace.name, name }, log: pino({ enabled: false }) }
    const daemonSet = new OwnDaemonSet(options)
    daemonSet.meet()
    await until('asked', () => asked.length > 0)
    await firstValueFrom(api.answer({ path: `${collection()}/${name}` }))
    return daemonSet
  }

  it.each(['Foreground', 'Background'])(
    'tells an upgrade from an uninstall: %s',
    async (propagationPolicy) => {
      await scene.api.ask('POST', collection(), { metadata: { name }, spec })
      const upgraded = await met()
      expect(await upgraded.isUninstalled()).toBe(false)
      const uninstalled = await met()
      await scene.api.ask('DELETE', `${collection()}/${name}?propagationPolicy=${propagationPolicy}`)
      expect(await uninstalled.isUninstalled()).toBe(true)
      await until('gone', async () => {
        const left = await scene.api.find(`${collection()}/${name}`)
        if (left !== undefined)
          await scene.api.ask('PATCH', `${collection()}/${name}`, { metadata: { finalizers: null } })
        return left === undefined
      })
    }
  )
})
