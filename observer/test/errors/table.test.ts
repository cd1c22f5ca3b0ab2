// SPDX-License-Identifier: Apache-2.0

import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../errors/error.ts'
import { errorReference } from '../../errors/reference.ts'
import type { ErrorEntry } from '../../errors/table/entry.ts'
import { ERRORS } from '../../errors/table.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8')
const codesIn = (text: string) => [...text.matchAll(/SLUICE_ERR_[A-Z0-9_]*[A-Z0-9]/g)].map(([code]) => code)
const entries = Object.entries<ErrorEntry>(ERRORS)

const sources = globSync('observer/**/*.ts', {
  cwd: root,
  exclude: ['observer/test/**', 'observer/errors/table/**']
})
const used = new Set(sources.flatMap((path) => codesIn(read(path).replaceAll(/^\s*(\*|\/\/).*$/gm, ''))))

describe('the table of errors', () => {
  it('has every code that the sources use', () => {
    expect([...used].filter((code) => !(code in ERRORS))).toEqual([])
  })

  it('has no code that no source uses', () => {
    expect(entries.map(([code]) => code).filter((code) => !used.has(code))).toEqual([])
  })

  it('has each code once', () => {
    const parts = globSync('observer/errors/table/*.ts', { cwd: root }).map(read).join('\n')
    expect(codesIn(parts).toSorted()).toEqual(entries.map(([code]) => code).toSorted())
  })

  it.each(entries)('%s has a message of the agreed form', (code, { message, remedy }) => {
    expect(code).toMatch(/^SLUICE_ERR_[A-Z0-9]+(_[A-Z0-9]+)+$/)
    // The first word may be a name that is written in capitals.
    expect(message).toMatch(/^([a-z{]|[A-Z]{2,}|ISTIO_|ZDS)/)
    expect(message).not.toMatch(/[.:]$/)
    if (remedy !== undefined) expect(remedy).not.toMatch(/^[A-Z][a-z]|\.$/)
  })
})

describe('docs/errors.md', () => {
  const page = read('docs/errors.md')

  it('is what the table says', () => {
    expect(page, 'run: node observer/errors/reference.ts > docs/errors.md').toBe(errorReference())
  })

  it('names every code of the table, and no other', () => {
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, code]) => code)
    expect(headings).toEqual(entries.map(([code]) => code).sort())
  })
})

describe('an error', () => {
  it('fills in its message and ends with the cause', () => {
    const cause = new Error('ENOENT')
    const error = new SluiceError('SLUICE_ERR_MANIFEST_DIRECTORY', { path: '/x' }, cause)
    expect(error).toMatchObject({
      code: 'SLUICE_ERR_MANIFEST_DIRECTORY',
      message: 'manifest directory /x cannot be read: ENOENT',
      remedy: 'create it, or name another with manifest.directory',
      cause
    })
  })
})
