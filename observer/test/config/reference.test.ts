// SPDX-License-Identifier: Apache-2.0

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { readConfigFile } from '../../config/file.ts'
import { configurationReference } from '../../config/reference.ts'
import { SETTINGS } from '../../config/settings.ts'

it('docs/configuration.md is what the schema says', () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
  expect(page, 'run: node observer/config/reference.ts > docs/configuration.md').toBe(
    configurationReference()
  )
})

it('the page has every setting with its variable and its flag', () => {
  const page = configurationReference()
  for (const { key, variable, flag } of SETTINGS) {
    expect(page).toContain(`### ${key}\n`)
    expect(page).toContain(`\`${variable}\`, \`${flag}\``)
  }
})

it('a file is named by --config, else by SLUICE_CONFIG', () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-config-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const [one, two] = [join(directory, 'one'), join(directory, 'two')]
  writeFileSync(one, 'strict: true')
  writeFileSync(two, 'strict: false')
  expect(readConfigFile(one, { SLUICE_CONFIG: two })).toEqual({ path: one, text: 'strict: true' })
  expect(readConfigFile(undefined, { SLUICE_CONFIG: two })).toEqual({ path: two, text: 'strict: false' })
})

it('a file that somebody named must be there', () => {
  expect(() => readConfigFile('/nonexistent/sluice.yaml', {})).toThrow(
    expect.objectContaining({ code: 'SLUICE_ERR_CONFIG_FILE', message: expect.stringContaining('ENOENT') })
  )
})
