// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'

const FRUGAL = new URL('../../cli/frugal.ts', import.meta.url).href

let script = ''
let directory = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-frugal-'))
  script = join(directory, 'agent.mjs')
  writeFileSync(
    script,
    `import { saveMemory } from ${JSON.stringify(FRUGAL)}
saveMemory()
const { pid, execArgv, argv, env } = process
console.log(JSON.stringify({ pid, execArgv, args: argv.slice(2), env: env.SLUICE_X }))`
  )
})

afterAll(() => rmSync(directory, { recursive: true }))

it('an agent that saves memory is the same process with the same words', async () => {
  const child = spawn(process.execPath, ['--no-warnings', script, 'agent', '--x'], {
    env: { SLUICE_X: 'y' },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
  expect(err).toBe('')
  const { pid, execArgv, args, env } = JSON.parse(out) as Record<string, unknown>
  expect({ pid, args, env }).toEqual({ pid: child.pid, args: ['agent', '--x'], env: 'y' })
  expect(execArgv).toEqual(expect.arrayContaining(['--no-warnings', '--optimize-for-size']))
})
