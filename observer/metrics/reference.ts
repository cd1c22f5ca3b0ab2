// SPDX-License-Identifier: Apache-2.0
// node observer/metrics/reference.ts > docs/metrics.md

import { EffectClock } from './effect-clock.ts'
import { CONNECTIONS, FAILURES } from './meanings.ts'
import { createMetrics } from './registry.ts'

const INTRODUCTION = `# Metrics and health

Generated from observer/metrics/ by \`node observer/metrics/reference.ts\`: change it there.

The agent serves them on \`metrics.address\`, \`127.0.0.1:15014\` unless configured otherwise, over plain HTTP.

| Path | Answers 200 while |
|---|---|
| \`/metrics\` | the agent runs; the text format of Prometheus |
| \`/livez\` | its event loop runs and it has given a sign of life within 10 s; does not depend on ztunnel |
| \`/readyz\` | ztunnel is connected (not needed with \`mode: observe\`), what existed at the start is dealt with, and every hook is attached, each pod's listener lookup too |

The probes answer 500 otherwise; their text says what fails. \`/metrics\` and \`/readyz\` look no more often than once a
second: whoever asks sooner is given the last answer. Labels are bounded: no metric has a label for a pod, a
namespace or an address. \`sluice_connections_total\`, \`sluice_helper_failures_total\`, \`sluice_hook_actions_total\`,
\`sluice_events_total\` and \`sluice_events_dropped_total\` are the kernel's: they go on counting while no agent runs,
and begin anew when the node is booted or \`sluice cleanup\` has removed them. The others begin with the agent.

## Metrics
`

/** What prom-client's metrics are, beyond its declarations. */
interface Described {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labelNames: readonly string[]
}

function section({ name, help, type, labelNames }: Described): string {
  const labels = labelNames.filter((label) => label !== 'le').map((label) => `\`${label}\``)
  const told = labels.length === 0 ? '' : `, by ${labels.join(', ')}`
  return `### ${name}\n\n${help}\n\n- A ${type}${told}\n`
}

function connectionsTable(): string {
  const rows = Object.entries(CONNECTIONS).map(
    ([counter, { direction, outcome, reason }]) =>
      `| ${direction} | ${outcome} | ${reason} | \`${counter}\` |`
  )
  return ['| direction | outcome | reason | counter of the hooks |', '|---|---|---|---|', ...rows].join('\n')
}

function failuresTable(): string {
  const rows = Object.entries(FAILURES).map(([counter, reason]) => `| ${reason} | \`${counter}\` |`)
  return ['| reason | counter of the hooks |', '|---|---|', ...rows].join('\n')
}

export function metricsReference(): string {
  const unasked = () => {
    throw new Error('nothing is scraped here')
  }
  const { registry, close } = createMetrics(unasked, new EffectClock())
  const described = registry.getMetricsAsArray() as unknown as readonly Described[]
  const sections = described.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(section)
  close()
  const tables = [
    `## Values of sluice_connections_total\n\n${connectionsTable()}\n`,
    `## Values of sluice_helper_failures_total\n\n${failuresTable()}\n`
  ]
  return [INTRODUCTION, ...sections, ...tables].join('\n')
}

if (import.meta.main) process.stdout.write(metricsReference())
