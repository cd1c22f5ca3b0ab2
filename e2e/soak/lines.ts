// SPDX-License-Identifier: Apache-2.0
// A process whose lines are read and not kept: ten minutes of them would be most of this process's memory.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Line } from '../world/running.ts'

export class Lines {
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>

  constructor(argv: readonly string[], hear: (line: Line) => void) {
    const [command = '', ...args] = argv
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    this.#closed = once(this.#child, 'close')
    this.#closed.catch(() => {})
    if (this.#child.stdout === null) throw new Error(`${command}: no output`)
    createInterface({ input: this.#child.stdout }).on('line', (text) => {
      if (text.startsWith('{')) hear(JSON.parse(text) as Line)
    })
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#closed
  }
}
