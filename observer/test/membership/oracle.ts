// SPDX-License-Identifier: Apache-2.0
// What each combination must give, written as rows of a table that are read from above: `*` is any value, and the
// first row that fits is the answer. It shares nothing with the code under test.

export type Row = readonly [
  ownAnnotation: string,
  redirection: string,
  podLabel: string,
  namespaceAnnotation: string,
  namespaceLabel: string,
  decision: 'in' | 'out',
  decidedBy: string
]

/** The values that each column is tried with; `-` is absent. */
export const COLUMNS = [
  ['-', 'true', 'false', 'True', ''],
  ['-', 'disabled', 'enabled', 'pending', 'off'],
  ['-', 'ambient', 'none', 'sidecar'],
  ['-', 'true', 'false', 'yes'],
  ['-', 'ambient', 'none', 'Ambient']
] as const

const BELOW: readonly Row[] = [
  ['*', '*', '*', 'true', '*', 'in', 'namespace-annotation'],
  ['*', '*', '*', 'false', '*', 'out', 'namespace-annotation'],
  ['*', '*', '*', '*', 'ambient', 'in', 'namespace-label'],
  ['*', '*', '*', '*', 'none', 'out', 'namespace-label'],
  ['*', '*', '*', '*', '*', 'out', 'default']
]

export const WITH_OPT_OUT: readonly Row[] = [
  ['false', '*', '*', '*', '*', 'out', 'pod-annotation'],
  ['*', 'disabled', '*', '*', '*', 'out', 'pod-annotation'],
  ['true', '*', '*', '*', '*', 'in', 'pod-annotation'],
  ['*', '*', 'ambient', '*', '*', 'in', 'pod-label'],
  ['*', '*', 'none', '*', '*', 'out', 'pod-label'],
  ...BELOW
]

export const WITHOUT_OPT_OUT: readonly Row[] = [
  ['true', '*', '*', '*', '*', 'in', 'pod-annotation'],
  ['*', '*', 'ambient', '*', '*', 'in', 'pod-label'],
  ...BELOW
]

export function expected(
  rows: readonly Row[],
  values: readonly string[]
): { decision: string; decidedBy: string } {
  const row = rows.find((candidate) =>
    values.every((value, column) => candidate[column] === '*' || candidate[column] === value)
  )
  if (row === undefined) throw new Error('the table has no row for this')
  return { decision: row[5], decidedBy: row[6] }
}

/** Every combination of the columns' values. */
export function product(columns: readonly (readonly string[])[]): string[][] {
  return columns.reduce<string[][]>(
    (rows, column) => rows.flatMap((row) => column.map((v) => [...row, v])),
    [[]]
  )
}
