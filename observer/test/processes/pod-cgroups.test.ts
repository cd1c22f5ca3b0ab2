// SPDX-License-Identifier: Apache-2.0
// Every layout of cgroups as a directory tree, through what the agent itself asks: the roots, the scan, the place.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Kubepods } from '../../processes/kubepods.ts'

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
  ]
]

async function nodeWith(path: string) {
  const cgroup2 = mkdtempSync(join(tmpdir(), 'sluice-layouts-'))
  onTestFinished(() => rmSync(cgroup2, { recursive: true }))
  mkdirSync(join(cgroup2, path), { recursive: true })
  const view = { read: () => ({ verdict: 'none', netns: undefined, prepared: false }) as const }
  const kubepods = new Kubepods({ path: cgroup2, level: 0 }, [], view)
  await kubepods.refresh()
  return { kubepods, cgroup2 }
}

describe('the pod of a cgroup', () => {
  it.each(PODS)('%s', async (_, path, { uid, qos, path: pod }) => {
    const { kubepods, cgroup2 } = await nodeWith(path)
    expect(kubepods.podOf(path)).toEqual({ uid, path: pod })
    expect(await kubepods.scan()).toMatchObject([{ cgroup: { uid, path: join(cgroup2, pod) } }])
    const above = join(cgroup2, pod, '..')
    expect(kubepods.roots.find((root) => root.path === above)).toMatchObject({ qos })
  })

  it.each([
    ['/'],
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
  ])('%j has none', async (path) => {
    const { kubepods } = await nodeWith(path)
    expect(kubepods.podOf(path)).toBeUndefined()
    expect(await kubepods.scan()).toEqual([])
  })
})
