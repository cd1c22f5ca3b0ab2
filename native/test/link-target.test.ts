// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BpfObject, type LoadOptions } from '../lib/object.ts'
import { closing, failure, programPath, type Run, runNode } from './fixture.ts'

function load(options?: LoadOptions): BpfObject {
  return closing(BpfObject.load(programPath('hooks'), options))
}

describe('a netns link', () => {
  it('says which network namespace it is in, and is gone with it', async () => {
    const child = execFileSync('unshare', ['-n', 'sh', '-c', 'sleep 30 >/dev/null 2>&1 & echo $!'])
      .toString()
      .trim()
    onTestFinished(() => {
      if (existsSync(`/proc/${child}`)) process.kill(Number(child), 'SIGKILL')
    })
    const fd = openSync(`/proc/${child}/ns/net`, 'r')
    const inode = statSync(`/proc/${child}/ns/net`).ino
    const link = closing(
      load({ programs: ['lookup'] })
        .program('lookup')
        .attachNetns(fd)
    )
    closeSync(fd)
    expect(link.info()).toMatchObject({ type: 'netns', netnsInode: inode })
    process.kill(Number(child), 'SIGKILL')
    await expect.poll(() => failure(() => link.info(), 'EBPF_LINK_GONE').code).toContain('GONE')
  })

  it('refuses a descriptor of something else', () => {
    const fd = openSync('/dev/null', 'r')
    onTestFinished(() => closeSync(fd))
    failure(
      () =>
        load({ programs: ['lookup'] })
          .program('lookup')
          .attachNetns(fd),
      'EBPF_ATTACH'
    )
  })
})

describe('a tracing link', () => {
  it.each(['raw', 'typed'])('runs the program at its tracepoint until it is closed: %s', (name) => {
    const object = load({ programs: [name] })
    const link = closing(object.program(name).attachTracing())
    readFileSync('/proc/self/comm')
    expect(object.map('calls').get(1n)).toBeGreaterThan(0n)
    link.close()
    const after = object.map('calls').get(1n)
    readFileSync('/proc/self/comm')
    expect(object.map('calls').get(1n)).toBe(after)
  })

  const attachPoint = `
    const object = BpfObject.load(path('hooks'), { programs: ['point'] })
    try {
      object.program('point').attachTracing()
      execFileSync('true')
      console.log('calls', object.map('calls').get(1n))
    } catch (error) { console.log(error.code, error.message) }
  `

  /** In a mount namespace of its own, where `mounts` were made first. */
  function attachWith(mounts: string): Promise<Run> {
    const prefix = ['unshare', '-m', 'sh', '-c', `${mounts}; exec "$@"`, 'sh']
    return runNode(`import { execFileSync } from 'node:child_process'\n${attachPoint}`, { prefix })
  }

  it('attaches to a tracepoint by name', async () => {
    const { stdout } = await attachWith('mount -t tracefs none /sys/kernel/tracing')
    expect(stdout).toMatch(/^calls [1-9]/)
  })

  it('asks for tracefs where it is not mounted', async () => {
    const { stdout } = await attachWith(
      'mount -t tmpfs none /sys/kernel/tracing; mount -t tmpfs none /sys/kernel/debug'
    )
    expect(stdout).toMatch(/EBPF_ATTACH .*sched\/sched_process_fork.*is tracefs mounted at/)
  })

  it('cannot replace its program', () => {
    const object = load({ programs: ['raw'] })
    const link = closing(object.program('raw').attachTracing())
    failure(() => link.update(object.program('raw')), 'EBPF_ATTACH')
  })

  it('refuses a program of another kind', () => {
    const { message } = failure(
      () =>
        load({ programs: ['connect4'] })
          .program('connect4')
          .attachTracing(),
      'EBPF_ATTACH'
    )
    expect(message).toContain('is not a tracing program')
  })
})
