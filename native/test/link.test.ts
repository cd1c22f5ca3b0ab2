// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Link } from '../lib/link.ts'
import { BpfObject, type LoadOptions } from '../lib/object.ts'
import { closing, failure, programPath, removeCgroup, temporaryCgroup, temporaryPins } from './fixture.ts'

function load(options?: LoadOptions): BpfObject {
  return closing(BpfObject.load(programPath('hooks'), options))
}

function connector(): ReturnType<BpfObject['program']> {
  return load({ programs: ['connect4'] }).program('connect4')
}

function calls(object: BpfObject, cookie = 1n): bigint {
  return object.map<bigint, bigint>('calls').get(cookie) ?? 0n
}

async function listener(): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return server
}

/** connect() by a process in the cgroup; true: it got through. */
function connects(cgroup: string, port: number): boolean {
  const script = `echo $$ > ${cgroup}/cgroup.procs && exec 3<>/dev/tcp/127.0.0.1/${port}`
  try {
    execFileSync('bash', ['-c', script], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port
}

describe('a cgroup link', () => {
  it('runs the program for the processes of the cgroup, until it is closed', async () => {
    const cgroup = temporaryCgroup()
    const port = portOf(await listener())
    const object = load({ programs: ['connect4'], knobs: { refuse: 1 } })
    expect(connects(cgroup, port)).toBe(true)
    const link = closing(object.program('connect4').attachCgroup(cgroup))
    expect(connects(cgroup, port)).toBe(false)
    expect(calls(object)).toBe(1n)
    link.close()
    expect(connects(cgroup, port)).toBe(true)
  })

  it('says where it is attached', () => {
    const cgroup = temporaryCgroup()
    const program = connector()
    const link = closing(program.attachCgroup(`${cgroup}/`))
    expect(link.info()).toMatchObject({
      type: 'cgroup',
      programId: program.id,
      cgroupId: statSync(cgroup, { bigint: true }).ino
    })
    expect(link.info().id).toBeGreaterThan(0)
  })

  it('shares the cgroup with other links', () => {
    const cgroup = temporaryCgroup()
    closing(connector().attachCgroup(cgroup))
    expect(closing(connector().attachCgroup(cgroup)).info().id).toBeGreaterThan(0)
  })

  it('survives its object, and its own handle once it is pinned', () => {
    const cgroup = temporaryCgroup()
    const pin = join(temporaryPins(), 'connect4')
    const object = load({ programs: ['connect4'] })
    const link = object.program('connect4').attachCgroup(cgroup)
    const { id } = link.info()
    link.pin(pin)
    link.close()
    object.close()
    const reopened = closing(Link.openPinned(pin))
    expect(reopened.info().id).toBe(id)
    reopened.unpin()
    expect(existsSync(pin)).toBe(false)
  })

  it('replaces its program', () => {
    const object = load({ programs: ['connect4'], knobs: { refuse: 0 } })
    const link = closing(object.program('connect4').attachCgroup(temporaryCgroup()))
    const { id } = link.info()
    const successor = closing(object.program('connect4').instance({ refuse: 1 }))
    link.update(successor)
    expect(link.info()).toMatchObject({ id, programId: successor.id })
  })

  it('is gone when it is detached by force, also for others', () => {
    const pin = join(temporaryPins(), 'connect4')
    const link = closing(connector().attachCgroup(temporaryCgroup()))
    link.pin(pin)
    const other = closing(Link.openPinned(pin))
    link.detach()
    failure(() => other.info(), 'EBPF_LINK_GONE')
    failure(() => other.update(connector()), 'EBPF_LINK_GONE')
    link.detach()
  })

  it('is gone when its cgroup is removed', async () => {
    const cgroup = temporaryCgroup()
    const link = closing(connector().attachCgroup(cgroup))
    removeCgroup(cgroup)
    await expect.poll(() => failure(() => link.info(), 'EBPF_LINK_GONE').errno).toBe(67)
  })

  it('names the program of an ancestor that allows no other', () => {
    const parent = temporaryCgroup()
    const child = temporaryCgroup(parent)
    execFileSync(fileURLToPath(new URL('../../build/native-test/exclusive', import.meta.url)), [parent])
    const error = failure(() => connector().attachCgroup(child), 'EBPF_ATTACH')
    expect(error.message).toMatch(
      /while program exclusive \(id \d+\) on .* is attached without BPF_F_ALLOW_MULTI/
    )
    expect(error.message).toContain(parent)
    expect(error.errno).toBe(1)
  })

  it.each([
    ['a missing directory', '/sys/fs/cgroup/none-such', 'cannot open the cgroup'],
    ['another file system', '/tmp', 'is not a cgroup of the unified hierarchy']
  ])('refuses %s', (_, path, message) => {
    expect(failure(() => connector().attachCgroup(path), 'EBPF_ATTACH').message).toContain(message)
  })

  it('refuses a program of another kind', () => {
    const program = load({ programs: ['lookup'] }).program('lookup')
    expect(failure(() => program.attachCgroup(temporaryCgroup()), 'EBPF_ATTACH').message).toContain(
      '(sk_lookup)'
    )
  })

  it('needs an empty place to be pinned at, and can be unpinned only once', () => {
    const pin = join(temporaryPins(), 'connect4')
    const link = closing(connector().attachCgroup(temporaryCgroup()))
    failure(() => link.unpin(), 'EINVALID_ARGUMENT')
    link.pin(pin)
    expect(
      failure(() => closing(connector().attachCgroup(temporaryCgroup())).pin(pin), 'EBPF_ATTACH').errno
    ).toBe(17)
    rmSync(pin)
    link.unpin()
    failure(() => link.unpin(), 'EINVALID_ARGUMENT')
  })

  it('says which pin is missing', () => {
    expect(failure(() => Link.openPinned('/sys/fs/bpf/none'), 'EBPF_ATTACH').message).toContain(
      '/sys/fs/bpf/none'
    )
  })
})
