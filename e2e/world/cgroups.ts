// SPDX-License-Identifier: Apache-2.0
// Where a kubelet puts a pod's cgroup, for both of its drivers and at any depth.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

export type Qos = 'guaranteed' | 'burstable' | 'besteffort'
export type Driver = 'cgroupfs' | 'systemd'

export interface CgroupLayout {
  readonly driver: Driver
  /** Cgroups between the world's own and kubepods, as kind and k3s have them. */
  readonly depth: number
}

const QOS_LEVELS: readonly Qos[] = ['guaranteed', 'burstable', 'besteffort']

function above(depth: number): string[] {
  return Array.from({ length: depth }, (_, index) => `nested${index}`)
}

function root({ driver, depth }: CgroupLayout, qos: Qos): string {
  const nested = above(depth)
  if (driver === 'cgroupfs') return join(...nested, 'kubepods', qos === 'guaranteed' ? '' : qos)
  return join(...nested, 'kubepods.slice', qos === 'guaranteed' ? '' : `kubepods-${qos}.slice`)
}

/** Below the world's cgroup: the cgroups whose children are pods. */
export function podRoots(layout: CgroupLayout): string[] {
  return QOS_LEVELS.map((qos) => root(layout, qos).replace(/\/$/, ''))
}

export interface PodCgroups {
  /** Below the world's cgroup. */
  readonly pod: string
  readonly container: (id: string) => string
}

export function podCgroups(layout: CgroupLayout, qos: Qos, uid: string): PodCgroups {
  const parent = root(layout, qos)
  if (layout.driver === 'cgroupfs') {
    const pod = join(parent, `pod${uid}`)
    return { pod, container: (id) => join(pod, id) }
  }
  const slice = qos === 'guaranteed' ? 'kubepods' : `kubepods-${qos}`
  const pod = join(parent, `${slice}-pod${uid.replaceAll('-', '_')}.slice`)
  return { pod, container: (id) => join(pod, `cri-containerd-${id}.scope`) }
}

export async function makeCgroup(path: string): Promise<void> {
  await mkdir(path, { recursive: true })
}
