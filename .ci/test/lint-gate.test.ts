// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Lints a file with the project's own rules and types, in a folder that no .gitignore hides. */
function lint(place: (folder: string) => void): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-lint-gate-'))
  folders.push(folder)
  cpSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['*.ts'] })
  )
  place(folder)
  const run = spawnSync(join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '.'], {
    cwd: folder,
    encoding: 'utf8'
  })
  return { status: run.status, output: run.stdout + run.stderr }
}

const planted = join(import.meta.dirname, 'planted/floating.ts')

describe('the lint gate', () => {
  it('fails on planted floating promises, misused promises and any', { timeout: 60_000 }, () => {
    const { status, output } = lint((folder) => cpSync(planted, join(folder, 'planted.ts')))
    expect(output.match(/typescript(-eslint)?\(no-floating-promises\)/g), output).toHaveLength(2)
    expect(output).toMatch(/no-misused-promises/)
    expect(output).toMatch(/no-explicit-any/)
    expect(status).not.toBe(0)
  })

  it('passes a file that awaits', { timeout: 60_000 }, () => {
    const { status, output } = lint((folder) =>
      writeFileSync(
        join(folder, 'clean.ts'),
        "import { setTimeout as sleep } from 'node:timers/promises'\nexport async function work(): Promise<void> {\n  await sleep(1)\n}\n"
      )
    )
    expect(status, output).toBe(0)
  })
})
