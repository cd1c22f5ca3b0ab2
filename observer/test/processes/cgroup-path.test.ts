// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePodCgroupName, parseQosCgroupName, parseRootCgroupName } from '../../processes/cgroup-path.ts'

const UID = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'
const CONTAINER = 'e'.repeat(64)

describe('the name of a pod cgroup', () => {
  it.each([
    'pod',
    'pods.slice',
    'podruntime.slice',
    'pod-',
    'pod_a',
    `libpod-${CONTAINER}`,
    `crio-${CONTAINER}.scope`,
    `kubepods-pod.slice`,
    `pod${UID}.slice`,
    `pod${UID}/x`,
    CONTAINER,
    'burstable'
  ])('is not %j', (name) => {
    expect(parsePodCgroupName(name)).toBeUndefined()
  })

  const uid = fc.oneof(fc.uuid(), fc.stringMatching(/^[0-9a-f]{32}$/))
  const qos = fc.constantFrom('', '-burstable', '-besteffort')
  const prefix = fc.constantFrom('', 'kubelet-', 'a-b-', 'k3s\\x2dnode-')

  it('gives back any uid that kubelet has put into it', () => {
    fc.assert(
      fc.property(uid, qos, prefix, (pod, suffix, before) => {
        expect(parsePodCgroupName(`pod${pod}`)).toEqual({ uid: pod })
        const slice = `${before}kubepods${suffix}-pod${pod.replaceAll('-', '_')}.slice`
        expect(parsePodCgroupName(slice)).toEqual({ uid: pod })
      })
    )
  })

  it('is never also the name of a root, a QoS class or a container', () => {
    fc.assert(
      fc.property(uid, prefix, (pod, before) => {
        for (const name of [`pod${pod}`, `${before}kubepods-pod${pod.replaceAll('-', '_')}.slice`]) {
          expect(parseRootCgroupName(name)).toBeUndefined()
          expect(parseQosCgroupName(name)).toBeUndefined()
        }
      })
    )
  })

  it('takes any text without throwing, and tells only uids made of letters, digits and dashes', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((rest) => `pod${rest}`)
    )
    fc.assert(
      fc.property(text, (name) => {
        parseRootCgroupName(name)
        parseQosCgroupName(name)
        expect(parsePodCgroupName(name)?.uid ?? 'none').toMatch(/^[0-9A-Za-z-]+$/)
      })
    )
  })
})

describe('the name of a root or a QoS class', () => {
  it.each([
    ['kubepods', 'guaranteed', undefined],
    ['kubepods.slice', 'guaranteed', undefined],
    ['a-kubepods.slice', 'guaranteed', undefined],
    ['burstable', undefined, 'burstable'],
    ['a-kubepods-besteffort.slice', undefined, 'besteffort'],
    ['kubepodsy.slice', undefined, undefined],
    ['mykubepods.slice', undefined, undefined],
    ['other', undefined, undefined]
  ])('%s', (name, root, qos) => {
    expect(parseRootCgroupName(name)?.qos).toBe(root)
    expect(parseQosCgroupName(name)?.qos).toBe(qos)
  })
})
