// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest'
import { refuse, type Stored } from '../../kubernetes/answers.ts'
import { NAMESPACES, PODS, podObject } from '../../kubernetes/objects.ts'
import { AMBIENT, expectTold, follow, followed, requests, server, told, useServer } from './following.ts'

useServer()

describe('the kubernetes source, interrupted,', () => {
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
})
