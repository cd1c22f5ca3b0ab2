// SPDX-License-Identifier: Apache-2.0
// An agent that looks for something in the whole hierarchy of cgroups finds what other nodes on this machine have, too.

import type { AgentOptions } from '../../world/agent.ts'
import { mountPoint } from '../../world/mounts.ts'
import type { World } from '../../world/world.ts'

/** The agent sees the cgroups of its world alone, and names none of them. */
export function alone({ cgroup }: World, config: Record<string, unknown> = {}): AgentOptions {
  const script = `mount --bind ${cgroup} ${mountPoint('cgroup2')}\nexec "$@"`
  return {
    within: ['unshare', '--mount', '--cgroup', 'sh', '-ec', script, 'sh'],
    config: { cgroupRoots: [], ztunnel: { cgroup: '/ztunnel' }, ...config }
  }
}
