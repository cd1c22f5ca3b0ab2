// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const FRUGAL = new URL('../../cli/frugal.ts', import.meta.url).href

/** Many objects that live for a while. */
const BUSY = `
import { getHeapSpaceStatistics } from 'node:v8'
let kept = []
for (let i = 0; i < 1_000_000; i++) {
  kept.push({ i })
  if (kept.length > 100_000) kept = kept.slice(50_000)
}
const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
console.log(young.space_size / 2 ** 20)`

function run(program: string): { readonly printed: string; readonly complaint: string } {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8'
  })
  return { printed: stdout.trim(), complaint: stderr }
}

describe('an agent that saves memory', () => {
  // How many pages it holds at the end depends on the collector's threads: it is compared, not counted.
  it('keeps the space of young objects small, which grows otherwise', () => {
    const { printed, complaint } = run(`import { saveMemory } from '${FRUGAL}'\nsaveMemory()\n${BUSY}`)
    expect(complaint).toBe('')
    const small = Number(printed)
    expect(small).toBeGreaterThan(0)
    expect(small).toBeLessThan(Number(run(BUSY).printed) / 2)
  })

  it('the control: a flag that V8 does not know is complained about', () => {
    const { complaint } = run("import { setFlagsFromString } from 'node:v8'\nsetFlagsFromString('--no-such')")
    expect(complaint).toMatch(/unrecognized flag/)
  })
})
