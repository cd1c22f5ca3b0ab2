// SPDX-License-Identifier: Apache-2.0
import { short, spread } from '../../bench/figures.ts'

/** "annotate: p50 12.3 ms, p99 20.1 ms (100)" */
export function print(what: string, milliseconds: readonly number[]): void {
  const { p50, p99, count } = spread(milliseconds)
  process.stdout.write(`figure: ${what}: p50 ${short(p50)} ms, p99 ${short(p99)} ms (${count})\n`)
}
