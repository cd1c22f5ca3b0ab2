// SPDX-License-Identifier: Apache-2.0

import { Counter, Histogram, type Registry } from 'prom-client'
import { type EffectClock, OUTCOMES, TIMED } from './effect-clock.ts'
import type { Facts } from './facts.ts'

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** What the agent does to the node, and what it finds undone. */
export function reconcileMetrics(registry: Registry, facts: () => Facts, clock: EffectClock): void {
  const duration = new Histogram({
    name: 'sluice_reconcile_duration_seconds',
    help: 'From the decision about a pod to its being carried out: locate its namespace, enrol it, let it leave (which includes the drain).',
    labelNames: ['effect', 'outcome'],
    buckets: SECONDS,
    registers: [registry]
  })
  for (const effect of TIMED) for (const outcome of OUTCOMES) duration.zero({ effect, outcome })
  clock.onTiming = ({ effect, outcome, seconds }) => duration.observe({ effect, outcome }, seconds)
  new Counter({
    name: 'sluice_drift_repaired_total',
    help: 'Things that somebody else changed or removed and the agent put back, by kind.',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [kind, count] of Object.entries(facts().drift)) this.inc({ kind }, count)
    }
  })
}
