// SPDX-License-Identifier: Apache-2.0

import { Counter, type Registry } from 'prom-client'
import type { Facts } from './facts.ts'
import { EVENTS } from './meanings.ts'

/** How the agent hears of processes. */
export function eventMetrics(registry: Registry, facts: () => Facts): void {
  const counted = (name: string, help: string, value: (now: Facts) => number) =>
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(value(facts()))
      }
    })
  counted(
    'sluice_events_total',
    'Process events that the kernel has told.',
    ({ counters }) => counters()[EVENTS.told] ?? 0
  )
  counted(
    'sluice_events_dropped_total',
    'Process events that found the ring buffer full. All cgroups are scanned then.',
    ({ counters }) => counters()[EVENTS.lost] ?? 0
  )
  counted('sluice_event_wakeups_total', 'Times that events woke the agent.', ({ wakeups }) => wakeups)
  counted(
    'sluice_resyncs_total',
    'Scans of all cgroups, by the clock or after lost events.',
    ({ resyncs }) => resyncs
  )
}
