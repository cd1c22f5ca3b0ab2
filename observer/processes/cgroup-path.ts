// SPDX-License-Identifier: Apache-2.0
// What cgroup names say about pods. cgroupfs driver: `kubepods/burstable/pod<uid>`. systemd driver:
// `kubepods-burstable-pod<uid, _ for ->.slice`. kind, k3s and a kubelet's --cgroup-root put a prefix before either.

import type { PodUid } from '../pods/pod.ts'

export type Qos = 'guaranteed' | 'burstable' | 'besteffort'

/** A cgroup whose children are pods: a kubepods root, where guaranteed pods are, or a QoS class below it. */
export interface RootName {
  readonly driver: 'cgroupfs' | 'systemd'
  readonly qos: Qos
}

export interface PodCgroupPath {
  readonly uid: PodUid
  readonly qos: Qos
  /** The pod-level part of the path; containers are below it. */
  readonly path: string
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
  if (name === 'kubepods') return { driver: 'cgroupfs', qos: 'guaranteed' }
  return SYSTEMD_ROOT.test(name) ? { driver: 'systemd', qos: 'guaranteed' } : undefined
}

/** A QoS class directly below a kubepods root. */
export function parseQosCgroupName(name: string): RootName | undefined {
  if (name === 'burstable' || name === 'besteffort') return { driver: 'cgroupfs', qos: name }
  const qos = SYSTEMD_QOS.exec(name)?.[1]
  return qos === 'burstable' || qos === 'besteffort' ? { driver: 'systemd', qos } : undefined
}

/** A path that ends in a kubepods root or a QoS class of one. */
export function parseRootCgroup(path: string): RootName | undefined {
  const names = components(path)
  const at = names.findIndex((name) => parseRootCgroupName(name) !== undefined)
  if (at === -1) return undefined
  if (at === names.length - 1) return parseRootCgroupName(names[at] ?? '')
  return at === names.length - 2 ? parseQosCgroupName(names[at + 1] ?? '') : undefined
}

/**
 * The pod that a cgroup path belongs to, from the pod level down. Of a cluster inside a pod only the outer pod
 * counts: it is this node's.
 */
export function parsePodCgroup(path: string): PodCgroupPath | undefined {
  const names = components(path)
  const root = names.findIndex((name) => parseRootCgroupName(name) !== undefined)
  if (root === -1) return undefined
  const qos = parseQosCgroupName(names[root + 1] ?? '')
  const at = qos === undefined ? root + 1 : root + 2
  const pod = parsePodCgroupName(names[at] ?? '')
  if (pod === undefined) return undefined
  const above = names.slice(0, at + 1).join('/')
  return { ...pod, qos: qos?.qos ?? 'guaranteed', path: path.startsWith('/') ? `/${above}` : above }
}

function components(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}
