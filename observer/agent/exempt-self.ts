// SPDX-License-Identifier: Apache-2.0

import { pid } from 'node:process'
import { inodeOf } from '../hooks/attachment.ts'
import type { Kubepods } from '../processes/kubepods.ts'
import { levelBelow } from '../processes/roots.ts'
import { cgroupOf } from '../processes/scan.ts'
import type { KernelSide } from './kernel-side.ts'
import type { Node } from './node.ts'

/** An agent that runs in a pod is not held by its own hooks. */
export async function exemptSelf(
  kernel: Pick<KernelSide, 'exemptAgent'>,
  node: Node,
  kubepods: Pick<Kubepods, 'podOf'>
): Promise<void> {
  const own = await cgroupOf(pid, node.cgroup2)
  const pod = own === undefined ? undefined : kubepods.podOf(own)
  if (pod === undefined) return
  kernel.exemptAgent({
    id: inodeOf(node.cgroup2.path + pod.path),
    level: levelBelow(node.cgroup2, pod.path)
  })
}
