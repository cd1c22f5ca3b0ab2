// SPDX-License-Identifier: Apache-2.0
// What the kernel's events and the cgroup scan tell, in the observer's words.

import type { CgroupFound } from '../pods/effect.ts'
import type { PodCgroup } from '../pods/state.ts'

export type ProcessEvent =
  | CgroupFound
  | { readonly kind: 'cgroup-gone'; readonly id: bigint }
  /** A cgroup with the name of a pod that lives in another one. */
  | { readonly kind: 'cgroup-rival'; readonly cgroup: PodCgroup; readonly living: PodCgroup }
  | {
      readonly kind: 'netns-seen'
      readonly cgroup: bigint
      readonly netns: bigint
      /** Of the process that was seen, on the host. */
      readonly pid: number
    }
