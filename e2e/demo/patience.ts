// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'

/** How long the demo waits for what should become true, in ms. */
const PATIENCE = Number(process.env.DEMO_PATIENCE ?? 30_000)

/** Whether it became so in time. Never throws for lateness: what is late is shown as not true. */
export async function within(isSo: () => boolean | Promise<boolean>, ms = PATIENCE): Promise<boolean> {
  const end = performance.now() + ms
  while (!(await isSo())) {
    if (performance.now() > end) return false
    await sleep(5)
  }
  return true
}
