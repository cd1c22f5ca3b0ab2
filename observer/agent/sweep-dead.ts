// SPDX-License-Identifier: Apache-2.0

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { inodeOf } from '../hooks/attachment.ts'
import type { PodState } from '../pods/state.ts'
import { sweep } from '../reconcile/sweep.ts'
import { belowRoot } from '../ztunnel/identity.ts'
import type { AgentParts } from './parts.ts'

/** Once the first scan is heard: what pods and cgroups that ended while no agent ran have left in the kernel. */
export function sweepDead(states: readonly PodState[], parts: AgentParts): void {
  const { kernel, log } = parts
  const netns = new Set(states.flatMap((state) => (state.netns === undefined ? [] : [state.netns])))
  const swept = sweep({ cgroups: cgroupsOf(states), netns }, kernel.maps, kernel.lookups)
  sweepCgroups(states, parts)
  if (swept > 0) log.info({ pods: swept }, 'pods that ended meanwhile were swept')
}

type Parts = Pick<AgentParts, 'config' | 'node'> & {
  readonly kernel: Pick<AgentParts['kernel'], 'sweep'>
}

/** What belonged to cgroups that are gone: those of ztunnels, above all. */
export function sweepCgroups(states: readonly PodState[], { config, kernel, node }: Parts): void {
  const living = cgroupsOf(states)
  const { cgroup } = config.ztunnel
  const path =
    cgroup === undefined ? undefined : join(node.cgroup2.path, belowRoot(cgroup, node.cgroup2.path))
  if (path !== undefined && existsSync(path)) living.add(inodeOf(path))
  kernel.sweep(existsSync, living)
}

function cgroupsOf(states: readonly PodState[]): Set<bigint> {
  return new Set(states.flatMap(({ cgroup }) => (cgroup === undefined ? [] : [cgroup.id])))
}
