// SPDX-License-Identifier: Apache-2.0

/** Of many values of one kind, in their unit. */
export interface Spread {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly min: number
  readonly max: number
}

/** @throws when there are none */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  return {
    count: sorted.length,
    p50: at(sorted, 0.5),
    p99: at(sorted, 0.99),
    min: at(sorted, 0),
    max: at(sorted, 1)
  }
}

export function median(values: readonly number[]): number {
  return spread(values).p50
}

function at(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  if (value === undefined) throw new Error('no values')
  return value
}

/** "1.23", "12.3", "123": three digits, for milliseconds. */
export function short(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)
}

/** "+3.1 %" */
export function percent(ratio: number): string {
  const change = (ratio - 1) * 100
  return `${change < 0 ? '' : '+'}${change.toFixed(1)} %`
}

export function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
