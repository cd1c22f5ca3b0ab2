// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'

/** Whether it became so within `ms`. Never throws for lateness: what is late is shown as not true. */
export async function within(ms: number, isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  const end = performance.now() + ms
  while (!(await isSo())) {
    if (performance.now() > end) return false
    await sleep(5)
  }
  return true
}
