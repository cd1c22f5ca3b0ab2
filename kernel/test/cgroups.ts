// SPDX-License-Identifier: Apache-2.0
// Cgroups of a test's own, and processes in them; both go when the test ends.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { mountedCgroup2 } from '../../observer/processes/roots.ts'

export class Cgroup {
  readonly path: string
  readonly id: bigint
  readonly level: number

  constructor(path: string, level: number) {
    mkdirSync(path)
    this.path = path
    this.level = level
    this.id = statSync(path, { bigint: true }).ino
    onTestFinished(() => this.remove())
  }

  make(name: string): Cgroup {
    return new Cgroup(join(this.path, name), this.level + 1)
  }

  remove(): void {
    try {
      rmdirSync(this.path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }

  /** Runs a shell script in the cgroup; resolves when it has ended. */
  async run(script: string): Promise<void> {
    const child = this.#start(`read go; ${script}`)
    writeFileSync(join(this.path, 'cgroup.procs'), String(child.pid))
    child.stdin?.end('go\n')
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) throw new Error(`${script} ended with ${code}`)
  }

  #start(script: string): ChildProcess {
    const child = spawn('/bin/sh', ['-ec', script], { stdio: ['pipe', 'ignore', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    return child
  }
}

export async function temporaryCgroup(): Promise<Cgroup> {
  const { path, level } = await mountedCgroup2()
  if (level === undefined) throw new Error('only a part of the cgroup2 hierarchy is mounted')
  return new Cgroup(join(path, `sluice-kernel-${process.pid}-${randomBytes(3).toString('hex')}`), level + 1)
}
