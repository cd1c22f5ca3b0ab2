// SPDX-License-Identifier: Apache-2.0
// node observer/errors/reference.ts > docs/errors.md

import type { ErrorEntry } from './table/entry.ts'
import { ERRORS } from './table.ts'

const INTRODUCTION = `# Errors

Generated from observer/errors/table/ by \`node observer/errors/reference.ts\`: change it there.

Codes are stable: they do not change their meaning, and a code that is given up is not used again. A message ends
with its cause, after a colon. Words in braces stand for what the message names.
`

function section([code, { message, remedy }]: [string, ErrorEntry]): string {
  const lines = [`## ${code}`, '', message.split('\n')[0] ?? '']
  if (remedy !== undefined) lines.push('', `Remedy: ${remedy}.`)
  return `${lines.join('\n')}\n`
}

export function errorReference(): string {
  const entries = Object.entries<ErrorEntry>(ERRORS).sort(([a], [b]) => (a < b ? -1 : 1))
  return [INTRODUCTION, ...entries.map(section)].join('\n')
}

if (import.meta.main) process.stdout.write(errorReference())
