// SPDX-License-Identifier: Apache-2.0
// inside.ts REPORTS: on the kernel in question, does what REPORTS/plan.json says; leaves its reports there.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Plan {
  /** `sluice check` comes before them. */
  readonly layers: readonly ('kernel' | 'netns')[]
  /** Test files of the netns layer; none: all. */
  readonly netns: readonly string[]
  /** How many times longer than on a real machine things may take. */
  readonly patience: number
}

const ROOT = join(import.meta.dirname, '../..')

/** Runs it with its output in a file, tells those lines that `tells`, and gives the exit code. */
async function run(argv: readonly string[], log: string, tells: RegExp, env: NodeJS.ProcessEnv = {}) {
  const [command = '', ...args] = argv
  const file = createWriteStream(log)
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  child.stderr.pipe(file, { end: false })
  for await (const line of createInterface(child.stdout)) {
    file.write(`${line}\n`)
    if (tells.test(line)) console.log(line)
  }
  const code = child.exitCode ?? ((await once(child, 'exit')) as [number | null])[0]
  file.end()
  await once(file, 'finish')
  return code ?? 1
}

async function main(reports: string): Promise<void> {
  const at = (name: string) => join(reports, name)
  const plan = JSON.parse(readFileSync(at('plan.json'), 'utf8')) as Plan
  const took = (what: string, since: number) =>
    console.log(`${what} took ${Math.round((performance.now() - since) / 1000)} s`)

  let began = performance.now()
  const checked = await run(['build/sluice', 'check'], at('check.txt'), /^missing/)
  writeFileSync(at('check.exit'), `${checked}\n`)
  took('sluice check', began)
  for (const layer of plan.layers) {
    began = performance.now()
    const argv = [
      // Its own first line would find whatever node the guest's PATH has.
      process.execPath,
      'node_modules/.bin/vitest',
      'run',
      `--project=${layer}`,
      '--no-color',
      '--reporter=default',
      '--reporter=./.ci/test-notes.ts',
      '--reporter=json',
      `--outputFile.json=${at(`${layer}.json`)}`,
      ...(layer === 'netns' ? plan.netns : [])
    ]
    const code = await run(argv, at(`${layer}.log`), /^ *[✓❯] .*\.test\.ts/, {
      TEST_PATIENCE: String(plan.patience)
    })
    writeFileSync(at(`${layer}.exit`), `${code}\n`)
    took(layer, began)
  }
}

await main(process.argv[2] ?? '')
