// SPDX-License-Identifier: Apache-2.0

import { Gauge, type Registry } from 'prom-client'
import { podState } from '../control/protocol.ts'
import { shownState } from '../control/report.ts'
import { CONDITIONS } from '../pods/condition.ts'
import type { Facts } from './facts.ts'

export function podMetrics(registry: Registry, facts: () => Facts): void {
  new Gauge({
    name: 'sluice_pods',
    help: 'Pods of this node by state; docs/cli.md explains the states.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const state of podState.options) this.set({ state }, 0)
      for (const state of facts().states) this.inc({ state: shownState(state) })
    }
  })
  new Gauge({
    name: 'sluice_pod_conditions',
    help: 'Steered pods with which something is not as it should be, by what; docs/cli.md explains the conditions.',
    labelNames: ['condition'],
    registers: [registry],
    collect() {
      for (const condition of CONDITIONS) this.set({ condition }, 0)
      for (const { conditions } of facts().states)
        for (const { kind } of conditions) this.inc({ condition: kind })
    }
  })
}
