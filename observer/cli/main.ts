// SPDX-License-Identifier: Apache-2.0
// The command `sluice`. --version is answered before anything is loaded that takes time.

import { saveMemory } from './frugal.ts'
import { version } from './version.ts'

const args = process.argv.slice(2)

// `sluice status | head` is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`${version}\n`)
} else {
  if (args[0] === 'agent') saveMemory()
  const { run } = await import('./program.ts')
  process.exitCode = await run(args, process.env)
}
