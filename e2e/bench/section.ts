// SPDX-License-Identifier: Apache-2.0

/** One measurement, as it is printed and as it is written to reports/bench.json. */
export interface Section {
  /** Key in the JSON file. */
  readonly key: string
  readonly title: string
  /** What was done, in a sentence or two. */
  readonly about: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** What the reader should take from the table. */
  readonly remarks: readonly string[]
  readonly data: unknown
}

const WIDTH = 100

export function sectionText({ title, about, columns, rows, remarks }: Section): string {
  const lines = [columns, ...rows]
  const widths = columns.map((_, index) => Math.max(...lines.map((row) => (row[index] ?? '').length)))
  const table = lines.map((row) => {
    const cells = row.map((cell, index) => {
      const width = widths[index] ?? 0
      return index === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return `  ${cells.join('   ').trimEnd()}`
  })
  const rule = `  ${widths.map((width) => '-'.repeat(width)).join('   ')}`
  const parts = [
    `\n${title}\n${'='.repeat(title.length)}`,
    wrapped(about, ''),
    '',
    table[0] ?? '',
    rule,
    ...table.slice(1),
    '',
    ...remarks.map((remark) => wrapped(remark, '  '))
  ]
  return `${parts.join('\n')}\n`
}

function wrapped(text: string, indent: string): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line.length + word.length >= WIDTH) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map((line) => indent + line).join('\n')
}
