// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { duplicateFd } from '../lib/descriptor.ts'
import { failure, openFds, runNode } from './fixture.ts'
import { FD_NOISE } from './netns-world.ts'

/** A process that has /dev/null, open for this test, as its descriptor 7. */
function other(): { pid: number; fd: number } {
  const fd = openSync('/dev/null', 'r')
  const child = spawn('sleep', ['60'], {
    stdio: ['ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', 'ignore', fd]
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
    closeSync(fd)
  })
  return { pid: child.pid as number, fd }
}

it('opens the file of another process a second time', () => {
  const { pid, fd } = other()
  const copy = duplicateFd(pid, 7)
  const [seen, own] = [fstatSync(copy.fd), fstatSync(fd)]
  expect([seen.dev, seen.ino, seen.rdev]).toEqual([own.dev, own.ino, own.rdev])
  const number = copy.fd
  copy.close()
  copy.close()
  expect(() => fstatSync(number)).toThrow(/EBADF/)
  failure(() => copy.fd, 'ECLOSED')
})

it('says that the process or its descriptor is not there', () => {
  const { pid } = other()
  expect(failure(() => duplicateFd(pid, 999), 'EDESCRIPTOR_GONE').message).toContain(
    `descriptor 999 of process ${pid}`
  )
  expect(failure(() => duplicateFd(2 ** 22 + 1, 0), 'EDESCRIPTOR_GONE')).toMatchObject({
    syscall: 'pidfd_open'
  })
})

it.each([0, -1, 1.5, '1', undefined])('takes no %j for a process', (pid) => {
  failure(() => duplicateFd(pid as number, 0), 'EINVALID_ARGUMENT')
})

it('names the capability that is missing', async () => {
  const { pid } = other()
  const lib = JSON.stringify(new URL('../lib/descriptor.ts', import.meta.url).href)
  const script = `const { duplicateFd } = await import(${lib})
    try { duplicateFd(${pid}, 7) } catch ({ code, message }) { console.log(code, message) }`
  const { stdout } = await runNode(script, {
    prefix: ['setpriv', '--bounding-set', '-sys_ptrace', '--inh-caps', '-sys_ptrace']
  })
  expect(stdout).toMatch(/EDESCRIPTOR_PERMISSION .*CAP_SYS_PTRACE/)
})

it('leaks no descriptor', () => {
  const { pid } = other()
  const before = openFds()
  for (let i = 0; i < 1000; i++) duplicateFd(pid, 7).close()
  expect(openFds()).toBeLessThan(before + FD_NOISE)
})
