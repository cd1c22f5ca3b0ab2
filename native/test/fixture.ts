// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { NativeError } from '../lib/error.ts'

/** A built test program of native/test/bpf. */
export function programPath(name: string): string {
  return fileURLToPath(new URL(`../../build/native-test/${name}.bpf.o`, import.meta.url))
}

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
