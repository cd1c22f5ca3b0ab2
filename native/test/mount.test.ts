// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { mount, remountWritable } from '../lib/mount.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mount-'))
})

afterEach(() => {
  spawnSync('umount', [directory])
  rmdirSync(directory)
})

it.each(['tmpfs', 'bpf'])('mounts %s without set-uid programs and devices', (type) => {
  mount(type, directory)
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((mounted) => mounted.includes(` ${directory} `))
  expect(line).toMatch(new RegExp(`nosuid,nodev,noexec.* - ${type} `))
})

it.each([
  ['nofs', '', 19],
  ['tmpfs', '/none', 2]
])('fails with the reason: %s at %s', (type, suffix, errno) => {
  expect(() => mount(type, directory + suffix)).toThrow(
    expect.objectContaining({
      code: 'SLUICE_NATIVE_EMOUNT',
      errno,
      syscall: 'mount',
      message: expect.stringContaining(`cannot mount ${type} at ${directory}${suffix}: No such `)
    })
  )
})

it('makes a read-only mount writable and keeps its other flags', () => {
  mount('tmpfs', directory)
  spawnSync('mount', ['-o', 'remount,bind,ro', directory])
  expect(() => writeFileSync(join(directory, 'file'), '')).toThrow('EROFS')
  expect(remountWritable(directory)).toBe(true)
  writeFileSync(join(directory, 'file'), '')
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((mounted) => mounted.includes(` ${directory} `))
  expect(line).toContain('nosuid,nodev,noexec')
  expect(remountWritable(directory)).toBe(false)
})

it('tells why a mount cannot be made writable', () => {
  const missing = join(directory, 'none')
  expect(() => remountWritable(missing)).toThrow(
    expect.objectContaining({ code: 'SLUICE_NATIVE_EMOUNT', errno: 2, syscall: 'statvfs' })
  )
})

it.each([
  [undefined, '/tmp'],
  ['tmpfs', 7],
  ['', '/tmp']
])('refuses %j at %j', (type, target) => {
  expect(() => mount(type as string, target as string)).toThrow(
    expect.objectContaining({ code: 'SLUICE_NATIVE_EINVALID_ARGUMENT' })
  )
})
