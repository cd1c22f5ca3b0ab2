// SPDX-License-Identifier: Apache-2.0

import { printable } from '../printable.ts'
import type { CheckReport, CheckStatus } from './result.ts'

const SGR: Readonly<Record<CheckStatus, number>> = { ok: 32, degraded: 33, missing: 31, skipped: 2 }

const CONCLUSION: Readonly<Record<CheckReport['verdict'], string>> = {
  fine: 'This node has what Sluice needs.',
  degraded: 'Sluice runs on this node, but not all of it works: see the lines marked degraded.',
  unusable: 'Sluice cannot run on this node: see the lines marked missing.'
}

const STATUS_WIDTH = 'degraded'.length

/** A line for each feature; below one that is not ok, what that means and what to do. */
export function checkText({ verdict, results }: CheckReport, colours: boolean): string {
  const width = Math.max(...results.map(({ feature }) => feature.length))
  const lines = results.flatMap(({ feature, status, found, meaning, remedy }) => {
    const mark = status.padEnd(STATUS_WIDTH)
    const coloured = colours ? `\x1b[${SGR[status]}m${mark}\x1b[0m` : mark
    const indent = ' '.repeat(STATUS_WIDTH + 2)
    return [
      `${coloured}  ${printable(feature).padEnd(width)}  ${printable(found)}`,
      ...(meaning === undefined ? [] : [`${indent}means: ${meaning}`]),
      ...(remedy === undefined ? [] : [`${indent}remedy: ${remedy}`])
    ]
  })
  return `${lines.join('\n')}\n\n${CONCLUSION[verdict]}\n`
}
