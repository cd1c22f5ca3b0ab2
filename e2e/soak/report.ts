// SPDX-License-Identifier: Apache-2.0
// The last word: what was done, what was seen, and whether that is as it must be.

import { EXCUSES, type Excuse, type Ledger } from './ledger.ts'
import type { Call } from './traffic.ts'

export interface Outcome {
  readonly seed: number
  readonly seconds: number
  readonly rate: number
  readonly ztunnel: string
  readonly ledger: Ledger
  readonly control: Ledger
  readonly done: ReadonlyMap<string, number>
  readonly agentKills: number
  /** What happened about then. */
  readonly around: (call: Pick<Call, 'pod' | 'at'>) => string
  readonly planned: number
  readonly drift: Readonly<Record<string, number>>
  readonly leftovers: readonly string[]
  /** Last words of the agent and of ztunnel. */
  readonly story: string
  readonly memory: { readonly beforeKib: number; readonly afterKib: number; readonly toleranceKib: number }
}

interface Row {
  readonly what: string
  readonly seen: string
  readonly wanted: string
  readonly good: boolean
}

const WAYS = [
  ['outbound', 'ipv4'],
  ['outbound', 'ipv6'],
  ['inbound', 'ipv4'],
  ['inbound', 'ipv6']
] as const
/** How many faults are told one by one. */
const TOLD = 20

export function isGood(outcome: Outcome): boolean {
  return rows(outcome).every(({ good }) => good)
}

export function reportText(outcome: Outcome): string {
  const { seed, seconds, rate, ledger, leftovers, done } = outcome
  const perSecond = Math.round(ledger.count() / (ledger.length / 1000))
  const happened = [...done].map(([what, count]) => `${what} ${count}`).join(', ')
  const faults = ledger.faults
    .slice(0, TOLD)
    .map((fault) => `  ${JSON.stringify(fault)}\n    ${outcome.around(fault)}`)
  return [
    `Soak: ${seconds} s with seed ${seed}, ${outcome.ztunnel}; ${rate} connections/s were asked for, ${perSecond} made.`,
    `Happened (${outcome.planned} were planned): ${happened}; agents killed: ${outcome.agentKills}.`,
    '',
    table(rows(outcome)),
    ...(Object.keys(outcome.drift).length > 0 ? ['', `Drift: ${JSON.stringify(outcome.drift)}`] : []),
    ...(faults.length > 0 ? ['', 'Faults:', ...faults] : []),
    ...(leftovers.length > 0 ? ['', 'Left behind:', ...leftovers.map((each) => `  ${each}`)] : []),
    '',
    isGood(outcome)
      ? 'Everything is as it must be.'
      : `${outcome.story}\nNot everything is as it must be. Again: make soak ARGS='--seconds ${seconds} --seed ${seed}'`,
    ''
  ].join('\n')
}

function rows(outcome: Outcome): Row[] {
  const { ledger, control, leftovers, memory, drift } = outcome
  const none = (what: string, count: number): Row => ({
    what,
    seen: String(count),
    wanted: '0',
    good: count === 0
  })
  const some = (what: string, count: number): Row => ({
    what,
    seen: String(count),
    wanted: 'some',
    good: count > 0
  })
  const told = (what: string, count: number): Row => ({ what, seen: String(count), wanted: '', good: true })
  const grown = memory.afterKib - memory.beforeKib
  return [
    ...WAYS.map(([direction, family]) =>
      some(`carried, ${way(direction, family)}`, ledger.count('carried', direction, family))
    ),
    some('plain, of pods outside', ledger.count('plain')),
    none('plaintext leaks', ledger.count('leaked')),
    none('carried, of pods outside', ledger.count('strayed')),
    none('failed, and nobody knows why', ledger.count('failed')),
    ...(Object.keys(EXCUSES) as Excuse[]).map((excuse) =>
      told(`failed: ${EXCUSES[excuse]}`, ledger.count(excuse))
    ),
    ...WAYS.map(([direction, family]) =>
      some(`leaks with steering off, ${way(direction, family)}`, control.count('leaked', direction, family))
    ),
    none(
      'drift that the last agent repaired',
      Object.values(drift).reduce((sum, count) => sum + count, 0)
    ),
    none('maps, descriptors, pins, routing that differ', leftovers.length),
    {
      what: "growth of the last agent's memory, MiB",
      seen: mebibytes(grown),
      wanted: `at most ${mebibytes(memory.toleranceKib)}`,
      good: grown <= memory.toleranceKib
    }
  ]
}

function way(direction: Call['direction'], family: Call['family']): string {
  return `${direction} ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`
}

function mebibytes(kib: number): string {
  return (kib / 1024).toFixed(1)
}

function table(all: readonly Row[]): string {
  const width = (key: 'what' | 'seen' | 'wanted') => Math.max(...all.map((row) => row[key].length))
  const lines = all.map(({ what, seen, wanted, good }) =>
    `  ${what.padEnd(width('what'))}  ${seen.padStart(width('seen'))}  ${wanted.padEnd(width('wanted'))}  ${wanted === '' ? '' : good ? 'ok' : 'WRONG'}`.trimEnd()
  )
  return lines.join('\n')
}
