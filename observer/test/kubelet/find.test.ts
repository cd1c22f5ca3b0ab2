// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findKubelet, requireOwnCgroup } from '../../kubelet/find.ts'

const children: ChildProcess[] = []
let directory: string
let cgroup: string

/** A process of another executable than this one's. */
async function started(command: string, ...args: string[]): Promise<number> {
  const child = spawn(command, args)
  children.push(child)
  await once(child, 'spawn')
  return child.pid ?? -1
}

async function holds(...pids: number[]): Promise<void> {
  await writeFile(join(cgroup, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''))
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kubelet-'))
  cgroup = join(directory, 'kubelet.service')
  await mkdir(cgroup)
})

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(directory, { recursive: true })
})

describe('the kubelet', () => {
  it('is the process of that name, with its cgroup', async () => {
    const proc = join(directory, 'proc')
    await mkdir(join(proc, '1'), { recursive: true })
    await mkdir(join(proc, String(process.pid)))
    await mkdir(join(proc, 'self'))
    await writeFile(join(proc, '1', 'comm'), 'kubelet-wrapper\n')
    expect(await findKubelet({ namespace: '/' }, proc)).toBeUndefined()
    await writeFile(join(proc, String(process.pid), 'comm'), 'kubelet\n')
    const found = await findKubelet({ namespace: '/' }, proc)
    expect(found?.pid).toBe(process.pid)
    expect(found?.cgroup).toMatch(/^\//)
  })
})

describe('a cgroup', () => {
  it.each(['', '/', '//'])('is refused when it is the root, written with "%s" at its end', async (end) => {
    await expect(requireOwnCgroup(`${directory}${end}`, directory)).rejects.toMatchObject({
      code: 'SLUICE_ERR_KUBELET_ROOT'
    })
  })

  it('is accepted when it is empty, or all its processes run one program', async () => {
    await holds()
    await requireOwnCgroup(cgroup, directory)
    await holds(await started('sleep', '60'), await started('sleep', '60'))
    await requireOwnCgroup(cgroup, directory)
  })

  it('is refused when two programs run in it, which are named', async () => {
    await holds(await started('sleep', '60'), process.pid)
    const refused = requireOwnCgroup(cgroup, directory)
    await expect(refused).rejects.toMatchObject({ code: 'SLUICE_ERR_KUBELET_SHARED' })
    await expect(refused).rejects.toThrow(/sleep.*node|node.*sleep/)
    await expect(refused).rejects.toThrow(cgroup)
  })

  it('is refused when the other program runs below it', async () => {
    await holds(process.pid)
    await mkdir(join(cgroup, 'below'))
    await writeFile(join(cgroup, 'below', 'cgroup.procs'), `${await started('sleep', '60')}\n`)
    await expect(requireOwnCgroup(cgroup, directory)).rejects.toMatchObject({
      code: 'SLUICE_ERR_KUBELET_SHARED'
    })
  })

  it('does not mind a process that is gone', async () => {
    await rm(join(cgroup, 'below'), { recursive: true })
    await holds(process.pid, 0x3fffff)
    await requireOwnCgroup(cgroup, directory)
  })
})
