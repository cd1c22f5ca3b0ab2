// SPDX-License-Identifier: Apache-2.0
// The metrics of one agent, served: loaded only where they are asked for.

import type { Logger } from 'pino'
import type { EffectClock } from './effect-clock.ts'
import type { Facts } from './facts.ts'
import { liveness, readiness } from './health.ts'
import { createMetrics } from './registry.ts'
import { type ListenAddress, serveMetrics } from './server.ts'

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
    metrics: () => registry.metrics(),
    contentType: registry.contentType,
    live: () => liveness(facts()),
    ready: () => readiness(facts())
  })
  log.info({ address: server.address }, 'metrics are served')
  return {
    close: async () => {
      close()
      await server.close()
    }
  }
}
