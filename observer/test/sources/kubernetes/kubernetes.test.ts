// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Subscription } from 'rxjs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { HttpsApi } from '../../../kubernetes/api.ts'
import { Credentials } from '../../../kubernetes/credentials.ts'
import { kubernetesSource } from '../../../sources/kubernetes/kubernetes.ts'
import type { SourceEvent } from '../../../sources/source.ts'
import { refuse, type Stored } from '../../kubernetes/answers.ts'
import { ApiServer } from '../../kubernetes/api-server.ts'
import { Authority } from '../../kubernetes/authority.ts'
import { NAMESPACES, namespaceObject, PODS, podObject, writeKubeconfig } from '../../kubernetes/objects.ts'

let directory = ''
let authority: Authority
let server: ApiServer
let credentials: Credentials
let told: string[] = []
let subscription: Subscription | undefined

const AMBIENT = namespaceObject('shop', { 'istio.io/dataplane-mode': 'ambient' })

function text(event: SourceEvent): string {
  switch (event.kind) {
    case 'pod':
      return `pod ${event.pod.name} ${event.pod.uid}`
    case 'pod-gone':
      return `gone ${event.uid}`
    case 'namespace':
      return `namespace ${event.namespace.name} ${event.namespace.labels['istio.io/dataplane-mode'] ?? '-'}`
    case 'namespace-gone':
      return `namespace gone ${event.name}`
    case 'problem':
      return `problem ${event.error.code} ${event.origin}`
    case 'mended':
      return `mended ${event.origin}`
    default:
      return event.kind
  }
}

const expectTold = (...events: string[]) =>
  vi.waitFor(() => expect(told).toEqual(events), { timeout: 30_000, interval: 5 })

const requests = (path: string, watch: boolean) =>
  server.seen.filter((seen) => seen.path === path && seen.query.has('watch') === watch)

async function follow(): Promise<void> {
  credentials = await Credentials.open(writeKubeconfig(directory, server.url, authority))
  const source = kubernetesSource({ api: new HttpsApi(credentials), nodeName: 'n1' })
  subscription = source.events$.subscribe((event) => told.push(text(event)))
}

async function followed(): Promise<void> {
  await follow()
  await vi.waitFor(() => expect(server.watching).toBe(2), { timeout: 30_000 })
  told = []
}

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-k8s-'))
  authority = new Authority(directory)
})

afterAll(() => rmSync(directory, { recursive: true }))

beforeEach(async () => {
  told = []
  server = await ApiServer.start(authority)
})

afterEach(async () => {
  subscription?.unsubscribe()
  credentials.close()
  await server.stop()
})

describe('the kubernetes source', () => {
  it('tells namespaces, then their pods, then that this is all', async () => {
    server.put(NAMESPACES, AMBIENT)
    server.put(PODS, podObject('a'))
    await follow()
    await expectTold('namespace shop ambient', 'pod a uid-a', 'synced')
  })

  it('asks for the pods of its node, and for nothing of namespaces but their metadata', async () => {
    await followed()
    for (const watch of [false, true]) {
      expect(requests(PODS, watch)[0]?.query.get('fieldSelector')).toBe('spec.nodeName=n1')
      expect(requests(NAMESPACES, watch)[0]?.accept).toMatch(/as=PartialObjectMetadata/)
    }
  })

  it('tells what changes', async () => {
    server.put(NAMESPACES, AMBIENT)
    await followed()
    server.put(PODS, podObject('a'))
    server.put(PODS, podObject('a', { annotations: { x: 'y' } }))
    await expectTold('pod a uid-a', 'pod a uid-a')
    server.remove(PODS, podObject('a'))
    server.put(NAMESPACES, namespaceObject('shop'))
    await expectTold('pod a uid-a', 'pod a uid-a', 'gone uid-a', 'namespace shop -')
  })

  it('holds a pod back until its namespace is told', async () => {
    await followed()
    server.put(PODS, podObject('a'))
    server.put(NAMESPACES, namespaceObject('other'))
    await expectTold('namespace other -')
    server.put(NAMESPACES, AMBIENT)
    await expectTold('namespace other -', 'namespace shop ambient', 'pod a uid-a')
  })

  it('lists in pages', async () => {
    server.put(NAMESPACES, AMBIENT)
    for (let i = 0; i < 250; i++) server.put(PODS, podObject(`p${i}`))
    await follow()
    await vi.waitFor(() => expect(told.at(-1)).toBe('synced'), { timeout: 30_000 })
    expect(told).toHaveLength(252)
    expect(requests(PODS, false).map(({ query }) => query.has('continue'))).toEqual([false, true, true])
  })

  it('begins again when the list expires between two pages', async () => {
    server.put(NAMESPACES, AMBIENT)
    for (let i = 0; i < 150; i++) server.put(PODS, podObject(`p${i}`))
    let expired = false
    server.instead = ({ query }, response) => {
      if (expired || !query.has('continue')) return false
      expired = true
      refuse(response, 410, 'Expired')
      return true
    }
    await follow()
    await vi.waitFor(() => expect(told.at(-1)).toBe('synced'), { timeout: 30_000 })
    expect(told).toHaveLength(152)
    expect(expired).toBe(true)
  })

  it('asks for nothing while nothing changes, with 250 pods', async () => {
    server.put(NAMESPACES, AMBIENT)
    for (let i = 0; i < 250; i++) server.put(PODS, podObject(`p${i}`))
    await followed()
    const before = server.seen.length
    for (let i = 0; i < 20; i++) {
      server.bookmark()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(server.seen.slice(before)).toEqual([])
    server.endWatches()
    await vi.waitFor(() => expect(server.seen.length - before).toBe(2), { timeout: 30_000 })
    server.bookmark()
    await new Promise((resolve) => setTimeout(resolve, 100))
    const renewals = server.seen.slice(before).map(({ path, query }) => `${path} ${query.get('watch')}`)
    expect(renewals.toSorted()).toEqual([`${NAMESPACES} true`, `${PODS} true`])
    expect(told).toEqual([])
  })

  it('renews a watch from the last version, within five to ten minutes', async () => {
    server.put(NAMESPACES, AMBIENT)
    await followed()
    const pod = server.put(PODS, podObject('a'))
    await expectTold('pod a uid-a')
    server.bookmark()
    server.endWatches()
    await vi.waitFor(() => expect(requests(PODS, true)).toHaveLength(2), { timeout: 30_000 })
    const [, renewed] = requests(PODS, true)
    expect(renewed?.query.get('resourceVersion')).toBe(pod.metadata.resourceVersion)
    expect(renewed?.query.get('allowWatchBookmarks')).toBe('true')
    const seconds = Number(renewed?.query.get('timeoutSeconds'))
    expect(seconds).toBeGreaterThanOrEqual(300)
    expect(seconds).toBeLessThanOrEqual(600)
    expect(requests(PODS, false)).toHaveLength(1)
  })

  it.each<[string, (gone: Stored) => void]>([
    ['by status', () => undefined],
    [
      'by an event',
      () => {
        server.instead = ({ query, path }, response) => {
          if (path !== PODS || query.get('watch') !== 'true') return false
          server.instead = () => false
          const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' }
          response.writeHead(200).end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
          return true
        }
      }
    ]
  ])('lists again after 410 %s, and tells what it missed and no more', async (_, arrange) => {
    server.put(NAMESPACES, AMBIENT)
    const gone = server.put(PODS, podObject('a'))
    server.put(PODS, podObject('b'))
    await followed()
    server.cut()
    server.remove(PODS, gone)
    server.put(PODS, podObject('c'))
    server.compact()
    arrange(gone)
    await expectTold('gone uid-a', 'pod c uid-c')
    expect(requests(PODS, false).at(-1)?.query.has('resourceVersion')).toBe(false)
  })

  it('knows a pod that came back under its name while nobody watched', async () => {
    server.put(NAMESPACES, AMBIENT)
    server.put(PODS, podObject('web-0', { uid: 'one' }))
    await followed()
    server.cut()
    server.put(PODS, podObject('web-0', { uid: 'two' }))
    server.compact()
    await expectTold('gone one', 'pod web-0 two')
  })

  it('says that the server is away and that it is back, and takes nothing back meanwhile', async () => {
    server.put(NAMESPACES, AMBIENT)
    server.put(PODS, podObject('a'))
    await followed()
    server.instead = (_, response) => {
      response.socket?.destroy()
      return true
    }
    server.cut()
    const away = ['pods', 'namespaces'].map((name) => `problem SLUICE_ERR_KUBERNETES_ANSWER ${name}`)
    await vi.waitFor(() => expect(told.toSorted()).toEqual(away.toSorted()), { timeout: 30_000 })
    server.instead = () => false
    server.put(PODS, podObject('b'))
    await vi.waitFor(
      () => expect(told.slice(2).toSorted()).toEqual(['mended namespaces', 'mended pods', 'pod b uid-b']),
      { timeout: 30_000 }
    )
  })

  it('says what its account may not do', async () => {
    server.instead = (_, response) => {
      refuse(response, 403, 'Forbidden')
      return true
    }
    await follow()
    await vi.waitFor(() => expect(told).toContain('problem SLUICE_ERR_KUBERNETES_DENIED pods'), {
      timeout: 30_000
    })
  })

  it('waits as long as the server asks', async () => {
    server.instead = (_, response) => {
      refuse(response, 429, 'TooManyRequests', undefined, { 'retry-after': '1' })
      return true
    }
    const began = performance.now()
    await follow()
    await vi.waitFor(() => expect(requests(PODS, false)).toHaveLength(2), { timeout: 30_000 })
    expect(performance.now() - began).toBeGreaterThanOrEqual(1_000)
  })

  it('goes on when an object cannot be read', async () => {
    server.put(NAMESPACES, AMBIENT)
    await followed()
    server.put(PODS, podObject('a', {}, { hostNetwork: 'yes' }))
    server.put(PODS, podObject('b'))
    const origin = '/api/v1/namespaces/shop/pods/a'
    await expectTold(`problem SLUICE_ERR_KUBERNETES_OBJECT ${origin}`, 'pod b uid-b')
    server.put(PODS, podObject('a'))
    await expectTold(
      `problem SLUICE_ERR_KUBERNETES_OBJECT ${origin}`,
      'pod b uid-b',
      `mended ${origin}`,
      'pod a uid-a'
    )
  })
})
