// SPDX-License-Identifier: Apache-2.0
// A reconciler whose node, kernel and ztunnel are the test's own: namespaces are opened by the paths of processes.

import { pino } from 'pino'
import { vi } from 'vitest'
import { PodEntries } from '../../maps/pod-entries.ts'
import type { PodNetns } from '../../netns/pod-netns.ts'
import type { Answer } from '../../pods/roster.ts'
import type { PodState } from '../../pods/state.ts'
import { Reconciler, type ReconcilerOptions } from '../../reconcile/reconciler.ts'
import { podMaps } from '../maps/memory-map.ts'
import { cgroup, membership, pod, podState } from '../pods/pods.ts'
import { ADDRESSES } from './dwelling.ts'

export const HOLD_WARNING_MS = 1_000

export interface Seen {
  readonly pid: number
  readonly inode: number
}

/** A pod of the mesh with this verdict, in the namespace of this cookie. */
export function member(verdict: PodState['verdict'], netns?: bigint): PodState {
  return podState({ pod: pod(), membership: membership('in'), cgroup: cgroup(), verdict, netns })
}

/** `log`: what was done, in order. `answers`: what came back. */
export function reconciling() {
  const log: string[] = []
  const answers: Answer['input'][] = []
  const maps = podMaps()
  /** The pod's process that leads to its namespace now. */
  const here: { process: Seen | undefined } = { process: { pid: 10, inode: 100 } }
  const zds = {
    keep: vi.fn(),
    offer: vi.fn<() => Promise<void>>(async () => void log.push('offered')),
    withdraw: vi.fn<() => Promise<void>>(async () => void log.push('withdrawn'))
  }
  const refuseConflicts = vi.fn<() => Promise<void>>(async () => undefined)
  const open = vi.fn(async (path: string): Promise<PodNetns> => {
    const pid = Number(/\d+/.exec(path)?.[0])
    const name = `netns ${pid}`
    return {
      cookie: BigInt(pid),
      inode: 10 * pid,
      fd: pid,
      addresses: ADDRESSES,
      prepare: async () => {
        log.push(`${name} prepared`)
        return []
      },
      restore: async () => void log.push(`${name} restored`),
      refuseConflicts,
      listeners: async () => [],
      steeredSockets: async () => 0,
      follow: async () => void log.push(`${name} followed`),
      close: () => void log.push(`${name} closed`)
    } as unknown as PodNetns
  })
  const lookups = {
    has: () => false,
    load: async () => ({ [Symbol.dispose]: () => undefined }),
    attach: () => ({ close: () => void log.push('lookup closed') }),
    remove: () => undefined
  }
  const reconciler = new Reconciler({
    entries: new PodEntries(maps),
    lookups,
    listeners: { park: async () => undefined, adopt: async () => [], missing: () => [] },
    zds,
    log: pino({ level: 'silent' }),
    steering: {} as ReconcilerOptions['steering'],
    hostInode: 1,
    drainTimeout: 0,
    holdWarning: HOLD_WARNING_MS,
    establishedConnections: 'leave',
    onDrift: () => undefined,
    onNetnsChange: () => undefined,
    locate: async () => here.process,
    open
  } as unknown as ReconcilerOptions)
  reconciler.answers$.subscribe(({ input }) => answers.push(input))
  return { reconciler, maps, zds, open, refuseConflicts, here, log, answers }
}
