// SPDX-License-Identifier: Apache-2.0
// Two cgroups cannot be one pod's: who came first stays, and the other is held.

import type { Logger } from 'pino'
import { NativeError } from '#native'
import { causeText, SluiceError } from '../errors/error.ts'
import type { PodEntries } from '../maps/pod-entries.ts'
import type { Fact } from '../pods/roster.ts'
import type { Problems } from './problems.ts'

export function refuseRivals(
  fact: Fact,
  entries: Pick<PodEntries, 'write'>,
  problems: Pick<Problems, 'open' | 'close'>,
  log: Pick<Logger, 'error'>
): void {
  if (fact.kind === 'cgroup-gone') problems.close(originOf(fact.id))
  if (fact.kind === 'cgroup-found') problems.close(originOf(fact.cgroup.id))
  if (fact.kind !== 'cgroup-rival') return
  const { cgroup, living } = fact
  try {
    entries.write(cgroup.id, undefined, 'held')
  } catch (error) {
    // The hook that found no room either holds every pod without an entry.
    if (!(error instanceof NativeError) || error.code !== 'SLUICE_NATIVE_EBPF_MAP_FULL') throw error
    log.error({ path: cgroup.path, err: causeText(error) }, 'second cgroup of a pod has no entry')
  }
  const values = { path: cgroup.path, uid: cgroup.uid, living: living.path }
  problems.open(originOf(cgroup.id), new SluiceError('SLUICE_ERR_CGROUP_RIVAL', values))
}

function originOf(id: bigint): string {
  return `cgroup ${id}`
}
