// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface Guard {
  /** Removes everything; resolves when it is gone. @throws when something could not be removed. */
  release(): Promise<void>
}

/**
 * Starts the process that cleans up after this one. It has a session of its own, so that Ctrl-C does not reach
 * it, and wakes when our end of its stdin is gone: by `release`, or because we were killed.
 */
export function startGuard(prefix: string, cgroup: string, runDirectory: string, pins: string): Guard {
  const script = join(import.meta.dirname, 'guard.sh')
  const guard = spawn(script, [prefix, cgroup, runDirectory, pins], {
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe']
  })
  let complaints = ''
  guard.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const ended = new Promise<number | null>((resolve, reject) => {
    guard.once('error', reject)
    guard.once('close', resolve)
  })
  ended.catch(() => {})
  guard.unref()
  return {
    release: async () => {
      guard.ref()
      guard.stdin.end()
      const code = await ended
      if (code !== 0) throw new Error(`cleaning up ${prefix}: exit ${code}: ${complaints}`)
    }
  }
}
