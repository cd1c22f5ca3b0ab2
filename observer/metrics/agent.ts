// SPDX-License-Identifier: Apache-2.0

import { version as nodejs } from 'node:process'
import { Gauge, type Registry } from 'prom-client'
import { version } from '../cli/version.ts'
import { MODES } from '../config/schema.ts'
import type { Facts } from './facts.ts'

/** What the agent is, and how it stands. */
export function agentMetrics(registry: Registry, facts: () => Facts): void {
  new Gauge({
    name: 'sluice_build_info',
    help: 'Always 1; the labels say which build runs.',
    labelNames: ['version', 'nodejs'],
    registers: [registry]
  }).set({ version, nodejs }, 1)
  new Gauge({
    name: 'sluice_mode',
    help: '1 for the configured mode, 0 for the others.',
    labelNames: ['mode'],
    registers: [registry],
    collect() {
      for (const mode of MODES) this.set({ mode }, facts().mode === mode ? 1 : 0)
    }
  })
  const gauge = (name: string, help: string, value: (now: Facts) => number | boolean) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(Number(value(facts())))
      }
    })
  gauge('sluice_paused', '1 after sluice pause: every connection passes.', ({ paused }) => paused)
  gauge('sluice_ready', '1 when everything that existed at the start is dealt with.', ({ ready }) => ready)
  gauge(
    'sluice_source_problems',
    'Things at the source that somebody must mend.',
    ({ problems }) => problems.length
  )
}
