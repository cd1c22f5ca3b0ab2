// SPDX-License-Identifier: Apache-2.0
// What traffic costs: with nothing in between, with all of Istio's rules, with Sluice.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { median, short } from './figures.ts'
import { load, type Rivals, type Way } from './rivals.ts'
import type { Section } from './section.ts'

export interface TrafficPlan {
  readonly rounds: number
  /** How long each kind of traffic goes on, of each way, in each round. */
  readonly ms: number
}

interface Figure {
  readonly name: string
  readonly unit: string
  /** Of Sluice to iptables; for some less is better. */
  readonly aim?: { readonly atMost: number } | { readonly atLeast: number }
}

const FIGURES = {
  rtt64: { name: 'round trip, 64 B, p50', unit: 'µs', aim: { atMost: 0.9 } },
  rtt64p99: { name: 'round trip, 64 B, p99', unit: 'µs' },
  rtt4k: { name: 'round trip, 4 KiB, p50', unit: 'µs', aim: { atMost: 0.9 } },
  rtt4kp99: { name: 'round trip, 4 KiB, p99', unit: 'µs' },
  throughput: { name: 'throughput, drained', unit: 'Gbit/s', aim: { atLeast: 1.25 } },
  connections: { name: 'connections', unit: '/s', aim: { atLeast: 1.3 } },
  cpu: { name: "a connection's processor time", unit: 'µs' },
  datagrams: { name: 'UDP round trip, 64 B, p50', unit: 'µs' }
} as const satisfies Record<string, Figure>

type Key = keyof typeof FIGURES
type Taken = Record<Key, number>

/** Of every process of the world, the kernel's part included, in µs. */
function processorTime({ world }: Way): number {
  const stat = readFileSync(join(world.cgroup, 'cpu.stat'), 'utf8')
  return Number(/^usage_usec (\d+)/m.exec(stat)?.[1])
}

async function take(way: Way, ms: number): Promise<Taken> {
  const small = await load(way, 'roundtrip', ms, 64)
  const large = await load(way, 'roundtrip', ms, 4096)
  const stream = await load(way, 'stream', ms)
  const before = processorTime(way)
  const dials = await load(way, 'dials', ms)
  const spent = processorTime(way) - before
  const datagrams = await load(way, 'datagrams', ms, 64)
  return {
    rtt64: small('p50'),
    rtt64p99: small('p99'),
    rtt4k: large('p50'),
    rtt4kp99: large('p99'),
    throughput: (stream('bytes') * 8) / stream('ms') / 1e6,
    connections: (dials('count') / dials('ms')) * 1000,
    cpu: spent / dials('count'),
    datagrams: datagrams('p50')
  }
}

/** Connections that conntrack remembers, of the client's and the server's namespace together. */
async function tracked({ client, server }: Way): Promise<number> {
  const counts = [client, server].map((place) => place.sysctl('net.netfilter.nf_conntrack_count'))
  return (await Promise.all(counts)).map(Number).reduce((sum, count) => sum + count, 0)
}

export async function measureTraffic(rivals: Rivals, { rounds, ms }: TrafficPlan): Promise<Section> {
  const { ways, real } = rivals
  const results = new Map(ways.map(({ key }) => [key, [] as Taken[]]))
  for (let round = 0; round < rounds; round++) {
    // What drifts within a round meets each way first and last alike.
    for (const way of round % 2 ? ways.toReversed() : ways) results.get(way.key)?.push(await take(way, ms))
  }
  const conntrack = await Promise.all(ways.map(tracked))
  const values = (way: Way['key'], figure: Key) => (results.get(way) ?? []).map((taken) => taken[figure])
  /** Round by round, so that what disturbed a whole round disturbs both. */
  const ratio = (figure: Key) => {
    const base = values('iptables', figure)
    return median(values('sluice', figure).map((value, round) => value / (base[round] ?? Number.NaN)))
  }
  const data = Object.entries(FIGURES).map(([key, figure]: [string, Figure]) => {
    const medians = ways.map((way) => [way.key, median(values(way.key, key as Key))] as const)
    return { key, ...figure, ...Object.fromEntries(medians), toIptables: ratio(key as Key) }
  })
  const medianOf = (way: Way['key'], figure: string) => median(values(way, figure as Key))
  return {
    key: 'traffic',
    title: `Traffic between two pods of one node, ${real ? 'a real ztunnel, HBONE' : 'the stand-in'}`,
    about:
      `${rounds} rounds, in each all kinds of traffic of all ways in turn, ${ms} ms each; medians over the rounds, ` +
      'and the median of the rounds’ ratios. The same proxy behind both, except that nothing is behind "direct"; both ' +
      'pods are in the mesh, with all of the rules that istio-cni writes or with Sluice.',
    columns: ['', ...ways.map(({ name }) => name), 'unit', "Sluice to Istio's rules", 'aim'],
    rows: [
      ...data.map(({ key, name, unit, aim, toIptables }) => [
        name,
        ...ways.map((way) => short(medianOf(way.key, key))),
        unit,
        `x ${toIptables.toFixed(2)}`,
        aimText(aim, toIptables)
      ]),
      ['connections in conntrack, at the end', ...conntrack.map(String), '', '', '0']
    ],
    remarks: [],
    data: {
      rounds,
      ms,
      proxy: real ? 'ztunnel' : 'stand-in',
      figures: data,
      conntrack: Object.fromEntries(ways.map(({ key }, index) => [key, conntrack[index]])),
      rounded: Object.fromEntries(results)
    }
  }
}

function aimText(aim: Figure['aim'], ratio: number): string {
  if (aim === undefined) return ''
  const [met, text] =
    'atMost' in aim
      ? [ratio <= aim.atMost, `at most ${aim.atMost}`]
      : [ratio >= aim.atLeast, `at least ${aim.atLeast}`]
  return `${text}: ${met ? 'met' : 'NOT met'}`
}
