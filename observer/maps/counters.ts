// SPDX-License-Identifier: Apache-2.0
// What the hooks count, each CPU for itself.

import type { BpfMap } from '#native'

/** Of all CPUs, since the maps were made. */
export function counterSum(map: Pick<BpfMap<number, bigint>, 'getPerCpu'>, index: number): bigint {
  return map.getPerCpu(index).reduce((sum, value) => sum + value, 0n)
}

/** By the names of enum counter: `COUNT_REFUSED_HELD` is `refused_held`. */
export function namedCounters(
  counter: Readonly<Record<string, number>>,
  sumOf: (index: number) => bigint
): Record<string, number> {
  const named = Object.entries(counter).filter(([name]) => name.startsWith('COUNT_'))
  return Object.fromEntries(
    named.map(([name, index]) => [name.slice('COUNT_'.length).toLowerCase(), Number(sumOf(index))])
  )
}
