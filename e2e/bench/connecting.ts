// SPDX-License-Identifier: Apache-2.0
// How long connect() takes until the connection is established, without Sluice, with iptables and with Sluice.

import type { Place } from '../world/place.ts'
import { median, percent, type Spread, short, spread } from './figures.ts'
import { redirectedPlace } from './redirected.ts'
import type { Section } from './section.ts'
import { JOINED, type Stage } from './stage.ts'

const PORT = 8080
const SIZES = [1, 1_000, 10_000] as const
const US = 1_000
/** What "flat" means here. */
const FLAT = 0.1

interface Way {
  readonly key: string
  readonly name: string
  readonly place: Place
  /** Pods in the map; undefined: as it is. */
  readonly pods?: number
}

interface Measured {
  readonly p50: number[]
  readonly p99: number[]
}

/** On a busy machine there are fewer rounds. */
const PATIENCE_MS = 60_000
const FEWEST_ROUNDS = 3

export interface ConnectPlan {
  /** At most. */
  readonly rounds: number
  readonly connections: number
}

export async function measureConnect(stage: Stage, { rounds, connections }: ConnectPlan): Promise<Section> {
  const { world, agent, pinned } = stage
  const server = await world.outsider('server')
  await server.serve(PORT, '--quiet')
  const plain = await world.outsider('plain')
  const redirected = await redirectedPlace(world)
  const bystander = await world.pod('bystander')
  const steered = await world.pod({ name: 'steered', annotations: JOINED })
  await agent.untilPod(bystander, 'outside')
  await agent.untilPod(steered, 'enrolled')
  const ways: readonly Way[] = [
    { key: 'direct', name: 'direct, no hook of Sluice', place: plain },
    { key: 'bystander', name: 'direct, a pod outside the mesh', place: bystander },
    { key: 'redirect', name: "Istio's iptables rules", place: redirected },
    ...SIZES.map((pods) => ({
      key: `sluice${pods}`,
      name: `Sluice, ${pods === 1 ? '1 pod' : `${pods.toLocaleString('en-US')} pods`} in the map`,
      place: steered,
      pods
    }))
  ]
  const results = new Map(ways.map(({ key }) => [key, { p50: [], p99: [] } as Measured]))
  const measure = async ({ key, place, pods }: Way, note: boolean) => {
    if (pods !== undefined) pinned.fill(pods)
    const tally = await place.connectMany(server.ipv4, PORT, connections, '--no-data', '--rst')
    if (!tally.ok) throw new Error(`connect, ${key}: ${JSON.stringify(tally.errors)}`)
    if (!note) return
    results.get(key)?.p50.push((tally.p50 ?? 0) * US)
    results.get(key)?.p99.push((tally.p99 ?? 0) * US)
  }
  for (const way of ways) await measure(way, false)
  const end = performance.now() + PATIENCE_MS
  let round = 0
  for (; round < FEWEST_ROUNDS || (round < rounds && performance.now() < end); round++) {
    for (const way of ways) await measure(way, true)
  }
  pinned.empty()
  return section(ways, results, { rounds: round, connections })
}

function section(
  ways: readonly Way[],
  results: ReadonlyMap<string, Measured>,
  { rounds, connections }: ConnectPlan
): Section {
  const of = (key: string) => results.get(key) as Measured
  /** Round by round, so that what disturbed a whole round disturbs both. */
  const ratio = (key: string, base: string) =>
    median(of(key).p50.map((value, round) => value / (of(base).p50[round] ?? Number.NaN)))
  const data = ways.map(({ key, name }) => {
    const p50: Spread = spread(of(key).p50)
    return { key, name, p50, p99: spread(of(key).p99), toDirect: ratio(key, 'direct') }
  })
  const flatness = SIZES.slice(1).map((pods) => ({ pods, ratio: ratio(`sluice${pods}`, 'sluice1') }))
  const flat = flatness.every((each) => Math.abs(each.ratio - 1) <= FLAT)
  const told = flatness.map((each) => `${each.pods.toLocaleString('en-US')} pods ${percent(each.ratio)}`)
  return {
    key: 'connect',
    title: 'connect(), until the connection is established',
    about:
      `${rounds} rounds, in each ${connections} connections one after the other of every kind in turn. ` +
      'Microseconds: the median over the rounds of their p50 and p99, and the range of the p50s. With iptables and ' +
      'with Sluice the other end is the same stand-in for ztunnel in the pod itself, so no packet crosses the veth.',
    columns: ['way', 'p50', 'p99', 'range of p50', 'to direct'],
    rows: data.map(({ name, p50, p99, toDirect }) => [
      name,
      short(p50.p50),
      short(p99.p50),
      `${short(p50.min)} - ${short(p50.max)}`,
      `x ${toDirect.toFixed(2)}`
    ]),
    remarks: [
      `Flat within 10 %: ${flat ? 'yes' : 'NO'}. Against 1 pod in the map: ${told.join(', ')}.`,
      `Sluice against Istio's rules: ${percent(ratio('sluice1', 'redirect'))} (median of the rounds' ratios of p50).`
    ],
    data: {
      rounds,
      connections,
      unit: 'us',
      ways: data,
      flat,
      flatness,
      toRedirect: ratio('sluice1', 'redirect')
    }
  }
}
