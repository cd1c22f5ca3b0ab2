// SPDX-License-Identifier: Apache-2.0

import Table from 'cli-table3'
import { printable } from './printable.ts'

export interface Style {
  /** Borders; without it columns are apart by spaces only, for grep and awk. */
  readonly terminal: boolean
  readonly colours: boolean
}

/** A colour is an SGR number. */
export type Cell = string | { readonly text: string; readonly colour: number | undefined }

const EDGES = [
  'top',
  'top-mid',
  'top-left',
  'top-right',
  'bottom',
  'bottom-mid',
  'bottom-left',
  'bottom-right'
]
const LINES = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid']
const PLAIN = Object.fromEntries([...EDGES, ...LINES].map((place) => [place, '']))

/** Ends with a newline; plain lines have no blanks at their ends. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], style: Style): string {
  const plain = {
    chars: { ...PLAIN, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 }
  }
  const out = new Table({
    head: [...head],
    ...(style.terminal ? { style: { head: [], border: [], compact: true } } : plain)
  })
  for (const row of rows) out.push(row.map((cell) => cellText(cell, style)))
  const lines = out.toString().split('\n')
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}

function cellText(cell: Cell, { colours }: Style): string {
  if (typeof cell === 'string') return printable(cell)
  return colours && cell.colour !== undefined
    ? `\x1b[${cell.colour}m${printable(cell.text)}\x1b[0m`
    : printable(cell.text)
}
