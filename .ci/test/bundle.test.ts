// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const COMMAND = new URL('../../build/sluice.mjs', import.meta.url).href

/** Whether a process that imports this has undici in memory. */
function loadsUndici(module: string): boolean {
  const program = `
    process.argv = [process.execPath, 'sluice', '--version']
    await import('${module}')
    console.log('\\n' + process.moduleLoadList.some((name) => name.includes('undici/undici')))`
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8'
  })
  return printed.trimEnd().endsWith('true')
}

describe('the bundled command', () => {
  it('does without undici', () => {
    expect(loadsUndici(COMMAND)).toBe(false)
  })

  it('the control: an import of node:http loads it', () => {
    expect(loadsUndici('node:http')).toBe(true)
  })
})
