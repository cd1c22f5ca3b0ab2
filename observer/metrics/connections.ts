// SPDX-License-Identifier: Apache-2.0

import { Counter, type Registry } from 'prom-client'
import type { Facts } from './facts.ts'
import { CONNECTIONS, FAILURES, isAction } from './meanings.ts'

/** What the hooks did, summed up by the kernel since its maps were made: agents come and go meanwhile. */
export function connectionMetrics(registry: Registry, facts: () => Facts): void {
  new Counter({
    name: 'sluice_connections_total',
    help: 'Connections that a hook decided about, by direction, by what became of them, and by reason.',
    labelNames: ['direction', 'outcome', 'reason'],
    registers: [registry],
    collect() {
      this.reset()
      const counters = facts().counters()
      for (const [name, meaning] of Object.entries(CONNECTIONS)) this.inc({ ...meaning }, counters[name] ?? 0)
    }
  })
  new Counter({
    name: 'sluice_helper_failures_total',
    help: 'Calls into the kernel that failed inside a hook, by what was to be done. Any increase is a fault.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      const counters = facts().counters()
      for (const [name, reason] of Object.entries(FAILURES)) this.inc({ reason }, counters[name] ?? 0)
    }
  })
  new Counter({
    name: 'sluice_hook_actions_total',
    help: 'What hooks did besides deciding about connections: DNS questions, probes, listeners and the like.',
    labelNames: ['action'],
    registers: [registry],
    collect() {
      this.reset()
      const actions = Object.entries(facts().counters()).filter(([name]) => isAction(name))
      for (const [action, count] of actions) this.inc({ action }, count)
    }
  })
}
