// SPDX-License-Identifier: Apache-2.0
// A server of the node: a process in a cgroup of its own, with a log and a file that says which process it is.

import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeCommand } from './namespaces.ts'
import { type ClusterState, within } from './state.ts'

export interface Component {
  readonly name: string
  readonly argv: readonly string[]
  /** Whether it can be used; asked again until it is so. */
  readonly ready: () => Promise<boolean>
}

/** On a machine that builds and tests beside it, ms. */
const PATIENCE = 120_000

function pidFile(state: ClusterState, name: string): string {
  return within(state, 'processes', name)
}

export function logFile(state: ClusterState, name: string): string {
  return within(state, 'logs', `${name}.log`)
}

/** Its process, if it is alive. A child of ours that nobody has waited for yet is not. */
export function processOf(state: ClusterState, name: string): number | undefined {
  const file = pidFile(state, name)
  if (!existsSync(file)) return undefined
  const pid = readFileSync(file, 'utf8')
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return /^State:\s+[ZX]/m.test(status) ? undefined : Number(pid)
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

function lastLines(state: ClusterState, name: string): string {
  return readFileSync(logFile(state, name), 'utf8').split('\n').slice(-15).join('\n')
}

export async function startComponent(state: ClusterState, component: Component): Promise<void> {
  const { name, argv } = component
  for (const directory of ['logs', 'processes']) await mkdir(within(state, directory), { recursive: true })
  const cgroup = join(state.cgroup, name)
  await mkdir(cgroup, { recursive: true })
  const [command = '', ...args] = nodeCommand(state, cgroup, argv)
  const log = openSync(logFile(state, name), 'a')
  const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  child.unref()
  await writeFile(pidFile(state, name), `${child.pid}`)
  await untilReady(state, component)
}

async function untilReady(state: ClusterState, { name, ready }: Component): Promise<void> {
  const end = Date.now() + PATIENCE
  while (!(await ready())) {
    if (processOf(state, name) === undefined) throw new Error(`${name} ended:\n${lastLines(state, name)}`)
    if (Date.now() > end)
      throw new Error(`${name} is not ready after ${PATIENCE / 1000} s:\n${lastLines(state, name)}`)
    await sleep(100)
  }
}

/** Ends it and waits until it is gone. */
export async function stopComponent(state: ClusterState, name: string): Promise<void> {
  const pid = processOf(state, name)
  if (pid === undefined) return
  process.kill(pid, 'SIGTERM')
  for (const end = Date.now() + 10_000; processOf(state, name) === pid; await sleep(50))
    if (Date.now() > end) process.kill(pid, 'SIGKILL')
  await rm(pidFile(state, name))
}

/** Whether a line of its log says so. */
export async function logSays(state: ClusterState, name: string, text: string): Promise<boolean> {
  return (await readFile(logFile(state, name), 'utf8')).includes(text)
}
