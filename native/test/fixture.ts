// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished } from 'vitest'
import { NativeError } from '../lib/error.ts'
import { programPath } from './program-path.ts'

export { programPath }

export function uniqueName(): string {
  return `sluice-native-${process.pid}-${randomBytes(3).toString('hex')}`
}

function cgroupRoot(): string {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((candidate) => candidate.includes(' - cgroup2 '))
  const root = line?.split(' ')[4]
  if (root === undefined) throw new Error('no cgroup2 file system is mounted')
  return root
}

/** A cgroup of the test's own; `below` makes one inside another. Removed after the test. */
export function temporaryCgroup(below = cgroupRoot()): string {
  const path = join(below, uniqueName())
  mkdirSync(path)
  onTestFinished(() => removeCgroup(path))
  return path
}

export function removeCgroup(path: string): void {
  try {
    rmdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** A directory for pins, removed with what is pinned in it. */
export function temporaryPins(): string {
  const path = join('/sys/fs/bpf', uniqueName())
  mkdirSync(path)
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Closes after the test, also after a failed one. */
export function closing<T extends { close(): void }>(handle: T): T {
  onTestFinished(() => handle.close())
  return handle
}

export function openFds(): number {
  return readdirSync('/proc/self/fd').length
}

/** The NativeError that `action` throws; its code without the prefix is checked. */
export function failure(action: () => unknown, code: string): NativeError {
  try {
    action()
  } catch (error) {
    expect(error).toBeInstanceOf(NativeError)
    expect((error as NativeError).code, (error as NativeError).message).toBe(`SLUICE_NATIVE_${code}`)
    return error as NativeError
  }
  throw new Error(`expected ${code}, but nothing was thrown`)
}

export interface Run {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Runs TypeScript in a Node process of its own, with BpfObject, RingBuffer and the test programs in scope. */
export async function runNode(
  script: string,
  { prefix = [] as string[], flags = [] as string[] } = {}
): Promise<Run> {
  const lib = (name: string) => JSON.stringify(new URL(`../lib/${name}.ts`, import.meta.url).href)
  const prelude = `
    import { BpfObject } from ${lib('object')}
    import { RingBuffer } from ${lib('ringbuffer')}
    const path = (name: string) => ${JSON.stringify(programPath('NAME'))}.replace('NAME', name)
  `
  const node = [...flags, '--input-type=module-typescript', '-e', prelude + script]
  const [command, ...args] = [...prefix, process.execPath, ...node]
  const child = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  ])
  return { code, signal, stdout, stderr }
}
