// SPDX-License-Identifier: Apache-2.0
// An agent does little for months on many nodes: V8 is told to save memory. It reads these at its start only, and no
// launcher is common to the command's installations, so the agent starts itself again, in place.

// Measured with 250 pods of an API server: 84 MiB instead of 110. Maglev compiles what runs a few hundred times and
// keeps its compiler in memory for that; what runs thousands of times, such as events of a busy node, is optimized.
const FLAGS = [
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--optimize-for-size',
  '--no-maglev',
  '--invocation-count-for-turbofan=30000'
]

/** Returns in the process that has them; pid, files and environment are the same. */
export function saveMemory(): void {
  const { execArgv, execPath, argv, env } = process
  if (FLAGS.every((flag) => execArgv.includes(flag))) return
  process.execve?.(execPath, [execPath, ...FLAGS, ...execArgv, ...argv.slice(1)], env)
}
