// SPDX-License-Identifier: Apache-2.0

import { existsSync } from 'node:fs'
import type { Logger } from 'pino'
import type { PodState } from '../pods/state.ts'
import { sweep } from '../reconcile/sweep.ts'
import type { KernelSide } from './kernel-side.ts'

/** Once the first scan is heard: what pods and cgroups that ended while no agent ran have left in the kernel. */
export function sweepDead(states: readonly PodState[], kernel: KernelSide, log: Logger): void {
  const cgroups = new Set(states.flatMap(({ cgroup }) => (cgroup === undefined ? [] : [cgroup.id])))
  const netns = new Set(states.flatMap((state) => (state.netns === undefined ? [] : [state.netns])))
  const swept = sweep({ cgroups, netns }, kernel.maps, kernel.lookups)
  kernel.sweep(existsSync)
  if (swept > 0) log.info({ pods: swept }, 'pods that ended meanwhile were swept')
}
