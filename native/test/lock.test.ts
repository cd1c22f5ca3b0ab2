// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FileLock } from '../lib/lock.ts'
import { FD_NOISE, library, openFds } from './netns-world.ts'

let directory: string
let path: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-'))
  path = join(directory, 'lock')
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

it('is held by one, and free again after release', () => {
  const lock = FileLock.tryAcquire(path)
  expect(lock).toBeInstanceOf(FileLock)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(FileLock.tryAcquire(path)).toBeUndefined()
  lock?.release()
  lock?.release()
  using again = FileLock.tryAcquire(path)
  expect(again).toBeDefined()
})

it('is held by another process until that ends, however it ends', async () => {
  const program = `import { FileLock } from '${library('lock')}'
    globalThis.lock = FileLock.tryAcquire('${path}')
    console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program])
  try {
    await once(child.stdout, 'data')
    expect(FileLock.tryAcquire(path)).toBeUndefined()
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  using lock = FileLock.tryAcquire(path)
  expect(lock).toBeDefined()
})

it('follows the path to a new file', () => {
  using old = FileLock.tryAcquire(path)
  rmSync(path)
  using fresh = FileLock.tryAcquire(path)
  expect([old, fresh]).not.toContain(undefined)
  expect(FileLock.tryAcquire(path)).toBeUndefined()
})

it('may be of a directory', () => {
  using lock = FileLock.tryAcquire(directory)
  expect(lock).toBeDefined()
  expect(FileLock.tryAcquire(directory)).toBeUndefined()
})

it('does not follow a symbolic link, nor make directories', () => {
  writeFileSync(join(directory, 'target'), '')
  symlinkSync(join(directory, 'target'), path)
  const failed = (errno: number): unknown =>
    expect.objectContaining({ code: 'SLUICE_NATIVE_ELOCK', errno, syscall: 'open' })
  expect(() => FileLock.tryAcquire(path)).toThrow(failed(40))
  expect(() => FileLock.tryAcquire(join(directory, 'none', 'lock'))).toThrow(failed(2))
})

it.each([undefined, 5, '', 'a\0b', {}])('refuses the path %j', (wrong) => {
  expect(() => FileLock.tryAcquire(wrong as string)).toThrow(
    expect.objectContaining({ code: 'SLUICE_NATIVE_EINVALID_ARGUMENT' })
  )
})

it('leaks no descriptor', () => {
  const before = openFds()
  for (let i = 0; i < 500; i++) {
    const lock = FileLock.tryAcquire(path)
    FileLock.tryAcquire(path)
    lock?.release()
  }
  expect(openFds()).toBeLessThan(before + FD_NOISE)
})
