// SPDX-License-Identifier: Apache-2.0
// A mirror pod's uid is an annotation, and whoever may make pods may write the same one.

import { describe, it } from 'vitest'
import { NAMESPACES, namespaceObject, PODS, podObject } from '../../kubernetes/objects.ts'
import { AMBIENT, expectTold, follow, followed, server, useServer } from './following.ts'

const HASH = 'c0a55e1cd5f0f2a0a9e5b6a1e6c6f2d1'
const ORIGIN = '/api/v1/namespaces/attic/pods/copy'
const REFUSED = `problem SLUICE_ERR_KUBERNETES_DUPLICATE ${ORIGIN}`
const MENDED = `mended ${ORIGIN}`

function mirror(name: string, namespace: string, creationTimestamp: string, hash = HASH) {
  const annotations = { 'kubernetes.io/config.mirror': hash, 'kubernetes.io/config.hash': hash }
  return podObject(name, { namespace, uid: `uid-${name}`, annotations, creationTimestamp })
}

const original = mirror('static-n1', 'shop', '2026-01-02T03:04:05Z')
const copy = mirror('copy', 'attic', '2026-01-02T03:04:06Z')
const ATTIC = namespaceObject('attic')

useServer()

describe('a copy of a static pod’s mirror', () => {
  it('that is made later is refused, and told once', async () => {
    server.put(NAMESPACES, AMBIENT)
    server.put(NAMESPACES, ATTIC)
    await followed()
    server.put(PODS, original)
    server.put(PODS, copy)
    server.put(PODS, copy)
    server.put(PODS, original)
    const told = [`pod static-n1 ${HASH}`, REFUSED, `pod static-n1 ${HASH}`]
    await expectTold(...told)
    server.remove(PODS, copy)
    await expectTold(...told, MENDED)
  })

  it('is refused by an agent that starts, wherever the list has it', async () => {
    server.put(NAMESPACES, ATTIC)
    server.put(NAMESPACES, AMBIENT)
    server.put(PODS, copy)
    server.put(PODS, original)
    await follow()
    const namespaces = ['namespace attic -', 'namespace shop ambient']
    await expectTold(...namespaces, `pod static-n1 ${HASH}`, REFUSED, 'synced')
  })

  it('does not take the place of a mirror that somebody deletes, which the kubelet makes again', async () => {
    server.put(NAMESPACES, AMBIENT)
    server.put(NAMESPACES, ATTIC)
    server.put(PODS, original)
    server.put(PODS, copy)
    await followed()
    server.remove(PODS, original)
    server.put(PODS, copy)
    await expectTold(`gone ${HASH}`)
    server.cut()
    server.put(PODS, mirror('static-n1', 'shop', '2026-01-02T03:05:00Z'))
    server.compact()
    await expectTold(`gone ${HASH}`, `pod static-n1 ${HASH}`)
  })

  it('is a pod when its annotations name it alone', async () => {
    server.put(NAMESPACES, AMBIENT)
    server.put(NAMESPACES, ATTIC)
    server.put(PODS, original)
    await followed()
    server.put(PODS, copy)
    server.put(PODS, mirror('copy', 'attic', '2026-01-02T03:04:06Z', 'another'))
    server.remove(PODS, original)
    server.put(PODS, mirror('later', 'shop', '2026-01-02T03:06:00Z'))
    await expectTold(REFUSED, MENDED, 'pod copy another', `gone ${HASH}`, `pod later ${HASH}`)
  })

  it('that was a pod of its own takes no other’s place by a new hash', async () => {
    server.put(NAMESPACES, AMBIENT)
    server.put(NAMESPACES, ATTIC)
    server.put(PODS, original)
    server.put(PODS, mirror('copy', 'attic', '2026-01-01T00:00:00Z', 'another'))
    await followed()
    server.put(PODS, copy)
    await expectTold('gone another', REFUSED)
  })
})
