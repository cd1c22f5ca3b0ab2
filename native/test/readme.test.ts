// SPDX-License-Identifier: Apache-2.0
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const NATIVE = fileURLToPath(new URL('..', import.meta.url))

function codesIn(pattern: string, expression: RegExp): Set<string> {
  const text = globSync(pattern, { cwd: NATIVE }).map((path) => readFileSync(`${NATIVE}/${path}`, 'utf8'))
  return new Set(
    text.flatMap((source) => [...source.matchAll(expression)].map((match) => match[1] as string))
  )
}

it('every error code is in the table of the README, and no other', () => {
  const areas = 'EBPF|EDESCRIPTOR|ENETNS|ESEQPACKET|ELOCK|EMOUNT|ECLOSED|EINVALID|EINTERNAL'
  const inSource = codesIn('src/*.cc', new RegExp(`"((?:${areas})[A-Z_]*)"`, 'g'))
  const inLibrary = codesIn('lib/*.ts', /SLUICE_NATIVE_([A-Z_]+)/g)
  const rows = [...codesIn('README.md', /^\| (E[A-Z_, ]+) \|/gm)].flatMap((row) => row.trim().split(', '))
  expect(rows.toSorted()).toEqual([...inSource.union(inLibrary)].toSorted())
})
