// SPDX-License-Identifier: Apache-2.0
// Loaded into the agent with --import: writes its event loop's delay so far, in ms, when SIGUSR2 comes.

import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 2
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()

/** The histogram holds the whole interval of its timer; the delay is what exceeds the resolution. */
function beyond(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
}

process.on('SIGUSR2', () => {
  const { LOOP_DELAY_FILE: file } = process.env
  if (file === undefined) return
  const figures = {
    p50: beyond(delay.percentile(50)),
    p99: beyond(delay.percentile(99)),
    max: beyond(delay.max)
  }
  writeFileSync(file, JSON.stringify(figures))
})
