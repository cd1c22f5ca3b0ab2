// SPDX-License-Identifier: Apache-2.0
// What cgroup names say about pods. cgroupfs driver: `kubepods/burstable/pod<uid>`. systemd driver:
// `kubepods-burstable-pod<uid, _ for ->.slice`. kind, k3s and a kubelet's --cgroup-root put a prefix before either.

import type { PodUid } from '../pods/pod.ts'

export type Qos = 'guaranteed' | 'burstable' | 'besteffort'

/** A cgroup whose children are pods: a kubepods root, where guaranteed pods are, or a QoS class below it. */
export interface RootName {
  readonly qos: Qos
}

// A UUID, a static pod's 32 hex digits, or what a static pod's manifest chose: kubelet takes any.
const CGROUPFS_POD = /^pod([0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?)$/
const SYSTEMD_POD =
  /^(?:.+-)?kubepods(?:-(?:burstable|besteffort))?-pod([0-9A-Za-z](?:[0-9A-Za-z_]*[0-9A-Za-z])?)\.slice$/
const SYSTEMD_ROOT = /^(?:.+-)?kubepods\.slice$/
const SYSTEMD_QOS = /^(?:.+-)?kubepods-(burstable|besteffort)\.slice$/

/** The pod whose pod-level cgroup has this name (the last component, as kernel events carry it). */
export function parsePodCgroupName(name: string): { readonly uid: PodUid } | undefined {
  const uid = CGROUPFS_POD.exec(name)?.[1] ?? SYSTEMD_POD.exec(name)?.[1]?.replaceAll('_', '-')
  return uid === undefined ? undefined : { uid }
}

/** `kubepods`, `kubepods.slice` and `<prefix>-kubepods.slice`. */
export function parseRootCgroupName(name: string): RootName | undefined {
  return name === 'kubepods' || SYSTEMD_ROOT.test(name) ? { qos: 'guaranteed' } : undefined
}

/** A QoS class directly below a kubepods root. */
export function parseQosCgroupName(name: string): RootName | undefined {
  const qos = SYSTEMD_QOS.exec(name)?.[1] ?? name
  return qos === 'burstable' || qos === 'besteffort' ? { qos } : undefined
}
