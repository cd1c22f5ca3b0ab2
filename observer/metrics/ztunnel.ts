// SPDX-License-Identifier: Apache-2.0

import { Counter, Gauge, type Registry } from 'prom-client'
import type { Facts } from './facts.ts'

export function ztunnelMetrics(registry: Registry, facts: () => Facts): void {
  new Gauge({
    name: 'sluice_ztunnels_connected',
    help: 'ztunnels that are connected: 1, and 2 while one replaces the other.',
    registers: [registry],
    collect() {
      this.set(facts().ztunnels.length)
    }
  })
  new Counter({
    name: 'sluice_zds_refusals_total',
    help: 'Connections on the ZDS socket that the agent closed, by reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(facts().refusedZtunnels)) this.inc({ reason }, count)
    }
  })
}
