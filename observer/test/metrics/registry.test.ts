// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { EffectClock } from '../../metrics/effect-clock.ts'
import type { Facts } from '../../metrics/facts.ts'
import { CONNECTIONS } from '../../metrics/meanings.ts'
import { metricsReference } from '../../metrics/reference.ts'
import { createMetrics } from '../../metrics/registry.ts'
import { factsOf } from './facts.ts'

function scraper(facts: () => Facts, clock = new EffectClock()) {
  const metrics = createMetrics(facts, clock)
  onTestFinished(() => metrics.close())
  return async () => {
    const text = await metrics.registry.metrics()
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))])
    )
  }
}

describe('a scrape', () => {
  it.each([
    ['sluice_pods{state="verified"}', 1],
    ['sluice_pods{state="held"}', 1],
    ['sluice_pods{state="outside"}', 0],
    ['sluice_connections_total{direction="outbound",outcome="steered",reason="enrolled"}', 6],
    ['sluice_connections_total{direction="outbound",outcome="held",reason="held"}', 7],
    ['sluice_connections_total{direction="outbound",outcome="refused",reason="mark"}', 8],
    ['sluice_connections_total{direction="inbound",outcome="refused",reason="guard"}', 0],
    ['sluice_helper_failures_total{reason="setsockopt_mark"}', 8],
    ['sluice_helper_failures_total{reason="sk_assign"}', 0],
    ['sluice_events_total', 9],
    ['sluice_events_dropped_total', 10],
    ['sluice_hook_actions_total{action="probes"}', 11],
    ['sluice_event_wakeups_total', 4],
    ['sluice_resyncs_total', 3],
    ['sluice_drift_repaired_total{kind="rule"}', 2],
    ['sluice_ztunnels_connected', 1],
    ['sluice_zds_refusals_total{reason="not-ztunnel"}', 5],
    ['sluice_mode{mode="enforce"}', 1],
    ['sluice_mode{mode="observe"}', 0],
    ['sluice_paused', 0],
    ['sluice_ready', 1],
    ['sluice_source_problems', 0],
    ['sluice_reconcile_duration_seconds_count{effect="leave",outcome="failed"}', 0]
  ])('has %s', async (series, value) => {
    expect((await scraper(factsOf)()).get(series)).toBe(value)
  })

  it('counts what a pod’s own device made a hook refuse as refused, and as nobody’s failure', async () => {
    const series = await scraper(() => factsOf({ counters: () => ({ refused_device: 3 }) }))()
    const threes = [...series].flatMap(([name, value]) => (value === 3 ? [name] : []))
    expect(threes).toContain(
      'sluice_connections_total{direction="outbound",outcome="refused",reason="device"}'
    )
    expect(threes.filter((name) => /helper_failures|hook_actions/.test(name))).toEqual([])
  })

  it('tells what is so now, and sums nothing up twice', async () => {
    let now = factsOf()
    const scrape = scraper(() => now)
    await scrape()
    expect((await scrape()).get('sluice_resyncs_total')).toBe(3)
    now = factsOf({ paused: true, states: [], ztunnels: [], ready: false, resyncs: 4 })
    const series = await scrape()
    expect(series.get('sluice_paused')).toBe(1)
    expect(series.get('sluice_pods{state="verified"}')).toBe(0)
    expect(series.get('sluice_ztunnels_connected')).toBe(0)
    expect(series.get('sluice_ready')).toBe(0)
    expect(series.get('sluice_resyncs_total')).toBe(4)
  })

  it('counts what the agent did by how long it took', async () => {
    let now = 0
    const clock = new EffectClock(() => now)
    const scrape = scraper(factsOf, clock)
    clock.began('u1', { do: 'enrol', epoch: 1 })
    now = 40
    clock.ended('u1', { kind: 'enrolled', epoch: 1 })
    const series = await scrape()
    const name = 'sluice_reconcile_duration_seconds'
    expect(series.get(`${name}_bucket{le="0.025",effect="enrol",outcome="done"}`)).toBe(0)
    expect(series.get(`${name}_bucket{le="0.05",effect="enrol",outcome="done"}`)).toBe(1)
    expect(series.get(`${name}_sum{effect="enrol",outcome="done"}`)).toBe(0.04)
  })

  it('has a quantile of the event loop’s delay that a late timer shows', async () => {
    const scrape = scraper(factsOf)
    await new Promise((resolve) => setTimeout(resolve, 250))
    const end = performance.now() + 1000
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 250))
    expect((await scrape()).get('sluice_event_loop_delay_seconds{quantile="1"}')).toBeGreaterThan(0.8)
    expect((await scrape()).get('sluice_event_loop_delay_seconds{quantile="1"}')).toBeLessThan(0.8)
  })
})

it('no two counters of connections share their labels', () => {
  const labels = Object.values(CONNECTIONS).map((meaning) => Object.values(meaning).join())
  expect(new Set(labels).size).toBe(labels.length)
})

it('no label is one that Prometheus gives to what it scrapes in a cluster', async () => {
  const given = ['instance', 'job', 'node', 'namespace', 'pod', 'container', 'service', 'endpoint']
  const series = [...(await scraper(factsOf)()).keys()].join('\n')
  expect(series).toMatch(/sluice_build_info\{version="[^"]+",nodejs="v24[^"]+"\}/)
  const labels = new Set([...series.matchAll(/[{,](\w+)="/g)].map(([, label]) => label))
  expect(given.filter((label) => labels.has(label))).toEqual([])
})

it('docs/metrics.md is what the registry holds', () => {
  const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')
  expect(page, 'run: node observer/metrics/reference.ts > docs/metrics.md').toBe(metricsReference())
})
