// SPDX-License-Identifier: Apache-2.0
// The real view of capture.ts.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { promisify } from 'node:util'
import { type CaptureView, type Place, RULE_TOOLS, type RuleTool } from './capture.ts'

const run = promisify(execFile)
const TIMEOUT_MS = 5000
const MAX_OUTPUT = 32 * 1024 * 1024
const NODE_PID = 1

export const captureView: CaptureView = { tools: RULE_TOOLS, places, output }

/** One process of each network namespace, the node's first. */
function places(): Place[] {
  const found = new Map<string, Place>()
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  for (const pid of pids.map(Number).sort((a, b) => a - b)) {
    try {
      const netns = readlinkSync(`/proc/${pid}/ns/net`)
      if (found.has(netns)) continue
      const comm = readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
      found.set(netns, { name: pid === NODE_PID ? 'the node' : `pid ${pid} (${comm})`, pid })
    } catch {
      // It has ended meanwhile, or is a kernel thread that shows nothing.
    }
  }
  return [...found.values()]
}

/** Only programs that list: none of these makes a table or loads a module for one. */
async function output({ command, args }: RuleTool, { pid }: Place): Promise<string | undefined> {
  if (!(await installed(command))) return undefined
  const inside =
    pid === NODE_PID ? [command, ...args] : ['nsenter', `--net=/proc/${pid}/ns/net`, command, ...args]
  const [file = command, ...rest] = inside
  const { stdout } = await run(file, rest, { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT })
  return stdout
}

const known = new Map<string, Promise<boolean>>()

function installed(command: string): Promise<boolean> {
  const answer =
    known.get(command) ??
    run('sh', ['-c', `command -v ${command}`]).then(
      () => true,
      () => false
    )
  known.set(command, answer)
  return answer
}
