// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  parsePodCgroup,
  parsePodCgroupName,
  parseQosCgroupName,
  parseRootCgroup,
  parseRootCgroupName
} from '../../processes/cgroup-path.ts'

const UID = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'
const UNDERSCORES = UID.replaceAll('-', '_')
const HASH = '8b5aa2a4b1d2dcd3f0cfc0d2a1b3c4d5'
const CONTAINER = 'e'.repeat(64)

const PODS: [string, string, { uid: string; qos: string; path: string }][] = [
  [
    'cgroupfs, guaranteed',
    `/kubepods/pod${UID}`,
    { uid: UID, qos: 'guaranteed', path: `/kubepods/pod${UID}` }
  ],
  ...(['burstable', 'besteffort'] as const).flatMap((qos): typeof PODS => {
    const cgroupfs = `/kubepods/${qos}/pod${UID}`
    const systemd = `/kubepods.slice/kubepods-${qos}.slice/kubepods-${qos}-pod${UNDERSCORES}.slice`
    const kind =
      `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-${qos}.slice/` +
      `kubelet-kubepods-${qos}-pod${UNDERSCORES}.slice`
    return [
      [`cgroupfs, ${qos}`, cgroupfs, { uid: UID, qos, path: cgroupfs }],
      [`cgroupfs container, ${qos}`, `${cgroupfs}/${CONTAINER}`, { uid: UID, qos, path: cgroupfs }],
      [`systemd, ${qos}`, systemd, { uid: UID, qos, path: systemd }],
      [
        `systemd containerd, ${qos}`,
        `${systemd}/cri-containerd-${CONTAINER}.scope`,
        { uid: UID, qos, path: systemd }
      ],
      [`CRI-O, ${qos}`, `${systemd}/crio-${CONTAINER}.scope/container`, { uid: UID, qos, path: systemd }],
      [`kind with systemd, ${qos}`, kind, { uid: UID, qos, path: kind }],
      [`kind with cgroupfs, ${qos}`, `/kubelet${cgroupfs}`, { uid: UID, qos, path: `/kubelet${cgroupfs}` }],
      [
        `kind seen from its host, ${qos}`,
        `/docker/${CONTAINER}/kubelet${cgroupfs}/${CONTAINER}`,
        { uid: UID, qos, path: `/docker/${CONTAINER}/kubelet${cgroupfs}` }
      ]
    ]
  }),
  [
    'systemd, guaranteed',
    `/kubepods.slice/kubepods-pod${UNDERSCORES}.slice`,
    { uid: UID, qos: 'guaranteed', path: `/kubepods.slice/kubepods-pod${UNDERSCORES}.slice` }
  ],
  [
    'static pod, systemd',
    `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${HASH}.slice/x`,
    {
      uid: HASH,
      qos: 'burstable',
      path: `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${HASH}.slice`
    }
  ],
  [
    'static pod, cgroupfs, CRI-O',
    `/kubepods/burstable/pod${HASH}/crio-${CONTAINER}`,
    { uid: HASH, qos: 'burstable', path: `/kubepods/burstable/pod${HASH}` }
  ],
  [
    'rootless k3s',
    `/user.slice/user-1000.slice/user@1000.service/k3s-rootless.scope/kubepods/besteffort/pod${UID}`,
    {
      uid: UID,
      qos: 'besteffort',
      path: `/user.slice/user-1000.slice/user@1000.service/k3s-rootless.scope/kubepods/besteffort/pod${UID}`
    }
  ],
  [
    'a cluster inside a pod: the outer pod',
    `/kubepods/pod${UID}/${CONTAINER}/kubelet/kubepods/burstable/pod${HASH}/x`,
    { uid: UID, qos: 'guaranteed', path: `/kubepods/pod${UID}` }
  ],
  ['relative to the mount', `kubepods/pod${UID}`, { uid: UID, qos: 'guaranteed', path: `kubepods/pod${UID}` }]
]

describe('the pod of a cgroup path', () => {
  it.each(PODS)('%s', (_, path, expected) => {
    expect(parsePodCgroup(path)).toEqual(expected)
    expect(parsePodCgroupName(expected.path.split('/').at(-1) ?? '')).toEqual({ uid: expected.uid })
    expect(parseRootCgroup(expected.path.slice(0, expected.path.lastIndexOf('/')))?.qos).toBe(expected.qos)
  })

  it.each([
    ['/'],
    [''],
    ['/system.slice/kubelet.service'],
    ['/kubepods'],
    ['/kubepods.slice/kubepods-burstable.slice'],
    [`/docker/${CONTAINER}`],
    [`/pod${UID}`],
    [`/kubepods/burstable/other/pod${UID}`],
    [`/kubepods/burstable/burstable/pod${UID}`],
    ['/user.slice/libpod-1.scope/pod'],
    [`/notkubepods/pod${UID}`],
    ['/kubepods/pod/x'],
    [`/kubepods.slice/kubepods-pod${UID}.slice`]
  ])('%j has none', (path) => {
    expect(parsePodCgroup(path)).toBeUndefined()
  })
})

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
        parseRootCgroup(name)
        parsePodCgroup(name)
        expect(parsePodCgroupName(name)?.uid ?? 'none').toMatch(/^[0-9A-Za-z-]+$/)
      })
    )
  })
})

describe('a kubepods root', () => {
  it.each([
    ['/kubepods', { driver: 'cgroupfs', qos: 'guaranteed' }],
    ['/kubelet/kubepods/burstable', { driver: 'cgroupfs', qos: 'burstable' }],
    ['/kubepods.slice', { driver: 'systemd', qos: 'guaranteed' }],
    ['/a.slice/a-kubepods.slice/a-kubepods-besteffort.slice', { driver: 'systemd', qos: 'besteffort' }],
    ['/kubepods/burstable/podx', undefined],
    ['/kubepods/other', undefined],
    ['/burstable', undefined],
    ['/kubepodsy.slice', undefined],
    ['/mykubepods.slice', undefined],
    ['/', undefined]
  ])('%s', (path, expected) => {
    expect(parseRootCgroup(path)).toEqual(expected)
  })
})
