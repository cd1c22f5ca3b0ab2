// SPDX-License-Identifier: Apache-2.0

import { pod_limits } from '#contract'
import type { CgroupRoot } from './roots.ts'

/** The hooks look for a pod at so many levels, counted from the highest root. */
export function withinReach(roots: readonly CgroupRoot[]): {
  readonly near: readonly CgroupRoot[]
  readonly far: readonly CgroupRoot[]
} {
  const highest = Math.min(...roots.map(({ level }) => level))
  const isNear = ({ level }: CgroupRoot) => level - highest < pod_limits.POD_LEVELS
  return { near: roots.filter(isNear), far: roots.filter((root) => !isNear(root)) }
}
