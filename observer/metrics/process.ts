// SPDX-License-Identifier: Apache-2.0

import { type ELDHistogram, monitorEventLoopDelay } from 'node:perf_hooks'
import { cpuUsage, memoryUsage } from 'node:process'
import { Counter, Gauge, type Registry } from 'prom-client'

/** The agent is woken so often for it, also at rest. */
const RESOLUTION_MS = 100
const QUANTILES = [0.5, 0.99, 1]
const NS = 1e9

/** What the agent costs. Ends with the returned function. */
export function processMetrics(registry: Registry): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  new Gauge({
    name: 'sluice_event_loop_delay_seconds',
    help: 'How late the event loop was since the last scrape; quantile 1 is the longest delay.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const quantile of QUANTILES) this.set({ quantile: String(quantile) }, secondsLate(delay, quantile))
      delay.reset()
    }
  })
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the agent.',
    registers: [registry],
    collect() {
      this.set(memoryUsage.rss())
    }
  })
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the agent, user and system.',
    registers: [registry],
    collect() {
      const { user, system } = cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    }
  })
  return () => void delay.disable()
}

/** The histogram holds the time between two timers, which is never less than the resolution by much. */
function secondsLate(delay: ELDHistogram, quantile: number): number {
  if (delay.count === 0) return 0
  return Math.max(0, delay.percentile(quantile * 100) / NS - RESOLUTION_MS / 1000)
}
