// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Subscription } from 'rxjs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest'
import { HttpsApi } from '../../../kubernetes/api.ts'
import { Credentials } from '../../../kubernetes/credentials.ts'
import { kubernetesSource } from '../../../sources/kubernetes/kubernetes.ts'
import type { SourceEvent } from '../../../sources/source.ts'
import { ApiServer, type Seen } from '../../kubernetes/api-server.ts'
import { Authority } from '../../kubernetes/authority.ts'
import { namespaceObject, writeKubeconfig } from '../../kubernetes/objects.ts'

export const AMBIENT = namespaceObject('shop', { 'istio.io/dataplane-mode': 'ambient' })

/** Of the test that runs, in files that call `useServer`: the server, and what the source has told of it. */
export let server: ApiServer
export let told: string[] = []

let directory = ''
let authority: Authority
let credentials: Credentials | undefined
let subscription: Subscription | undefined

/** Each test of the file gets a server of its own, whose source it follows. */
export function useServer(): void {
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
    credentials?.close()
    await server.stop()
  })
}

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

export async function expectTold(...events: string[]): Promise<void> {
  await vi.waitFor(() => expect(told).toEqual(events), { timeout: 30_000, interval: 5 })
}

export function requests(path: string, watch: boolean): readonly Seen[] {
  return server.seen.filter((seen) => seen.path === path && seen.query.has('watch') === watch)
}

export async function follow(): Promise<void> {
  credentials = await Credentials.open(writeKubeconfig(directory, server.url, authority))
  const source = kubernetesSource({ api: new HttpsApi(credentials), nodeName: 'n1' })
  subscription = source.events$.subscribe((event) => told.push(text(event)))
}

/** Follows until both watches stand; what was told until then is left out. */
export async function followed(): Promise<void> {
  await follow()
  await vi.waitFor(() => expect(server.watching).toBe(2), { timeout: 30_000 })
  told = []
}
