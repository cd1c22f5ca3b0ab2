// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest'
import { refuse } from '../../kubernetes/answers.ts'
import { NAMESPACES, namespaceObject, PODS, podObject } from '../../kubernetes/objects.ts'
import { AMBIENT, expectTold, follow, followed, requests, server, told, useServer } from './following.ts'

useServer()

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
