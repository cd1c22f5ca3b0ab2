// SPDX-License-Identifier: Apache-2.0
// The metrics of one agent, served: loaded only where they are asked for.

import type { Logger } from 'pino'
import type { EffectClock } from './effect-clock.ts'
import type { Facts } from './facts.ts'
import { liveness, readiness } from './health.ts'
import { recent } from './recent.ts'
import { createMetrics } from './registry.ts'
import { type ListenAddress, serveMetrics } from './server.ts'

/** Each answer takes a system call for every hook of every pod, and anybody who reaches the port may ask. */
const RECENT_MS = 1_000

export interface OpenMetrics {
  close(): Promise<void>
}

/** @throws SluiceError SLUICE_ERR_METRICS_LISTEN */
export async function openMetrics(
  address: ListenAddress,
  facts: () => Facts,
  clock: EffectClock,
  log: Logger
): Promise<OpenMetrics> {
  const { registry, close } = createMetrics(facts, clock)
  const server = await serveMetrics(address, {
    metrics: recent(RECENT_MS, () => registry.metrics()),
    contentType: registry.contentType,
    live: () => liveness(facts()),
    ready: recent(RECENT_MS, () => readiness(facts()))
  })
  log.info({ address: server.address }, 'metrics are served')
  return {
    close: async () => {
      close()
      await server.close()
    }
  }
}
