// SPDX-License-Identifier: Apache-2.0
// Every metric of the agent, from one file for each component.

import { Registry } from 'prom-client'
import { agentMetrics } from './agent.ts'
import { connectionMetrics } from './connections.ts'
import type { EffectClock } from './effect-clock.ts'
import { eventMetrics } from './events.ts'
import type { Facts } from './facts.ts'
import { podMetrics } from './pods.ts'
import { processMetrics } from './process.ts'
import { reconcileMetrics } from './reconcile.ts'
import { ztunnelMetrics } from './ztunnel.ts'

export interface Metrics {
  readonly registry: Registry
  readonly close: () => void
}

/** @param facts asked at every scrape, never before */
export function createMetrics(facts: () => Facts, clock: EffectClock): Metrics {
  const registry = new Registry()
  agentMetrics(registry, facts)
  podMetrics(registry, facts)
  connectionMetrics(registry, facts)
  eventMetrics(registry, facts)
  reconcileMetrics(registry, facts, clock)
  ztunnelMetrics(registry, facts)
  const endProcess = processMetrics(registry)
  return {
    registry,
    close: () => {
      endProcess()
      registry.clear()
    }
  }
}
