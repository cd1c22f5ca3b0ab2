// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kubeletCgroups, requireOwnCgroup } from '../../kubelet/find.ts'

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

const MOUNT = '/sys/fs/cgroup'
const HOST = 4026531840

interface Process {
  readonly executable: string
  readonly cgroup: string
  readonly uids: string
  readonly netns: number
  readonly user: string
}

const KUBELET: Process = {
  executable: '/usr/bin/kubelet',
  cgroup: '/system.slice/kubelet.service',
  uids: '0\t0\t0\t0',
  netns: HOST,
  user: 'user:[4026531837]'
}

/** Where the kubelet is found among these. */
async function found(...processes: readonly Partial<Process>[]): Promise<readonly string[]> {
  const proc = await mkdtemp(join(directory, 'proc-'))
  await mkdir(join(proc, 'self/ns'), { recursive: true })
  await symlink(KUBELET.user, join(proc, 'self/ns/user'))
  for (const [index, change] of processes.entries()) {
    const { executable, cgroup: path, uids, netns, user } = { ...KUBELET, ...change }
    const own = join(proc, String(100 + index))
    await mkdir(join(own, 'ns'), { recursive: true })
    await symlink(executable, join(own, 'exe'))
    await symlink(`net:[${netns}]`, join(own, 'ns/net'))
    await symlink(user, join(own, 'ns/user'))
    await writeFile(join(own, 'status'), `Name:\tkubelet\nUid:\t${uids}\nGid:\t0\t0\t0\t0\n`)
    await writeFile(join(own, 'cgroup'), `0::${path}\n`)
  }
  // A kernel thread, and one that has ended meanwhile.
  await mkdir(join(proc, '2'))
  const cgroup2 = { path: MOUNT, namespace: '/' }
  const cgroups = await kubeletCgroups({ cgroup2, hostInode: HOST, roots: [{ path: `${MOUNT}/pods` }], proc })
  return cgroups.map((path) => path.slice(MOUNT.length))
}

describe('the kubelet', () => {
  it('is found by its executable, also by one that was replaced', async () => {
    expect(await found({ executable: '/usr/bin/containerd' }, KUBELET)).toEqual([KUBELET.cgroup])
    expect(await found({ executable: '/opt/bin/kubelet (deleted)' })).toEqual([KUBELET.cgroup])
    expect(await found({ executable: '/usr/bin/kubelet-wrapper' })).toEqual([])
  })

  it.each<[string, Partial<Process>]>([
    ['another user', { uids: '1000\t1000\t1000\t1000' }],
    ['a user by a set-user-id program', { uids: '1000\t0\t0\t0' }],
    ['another network namespace', { netns: HOST + 1 }],
    ['another user namespace', { user: 'user:[4026531999]' }],
    ['a pod', { cgroup: '/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope' }],
    ['a pod of the systemd driver below a prefix', { cgroup: '/kubelet.slice/kubelet-kubepods.slice/a' }],
    ['a pod below a root that the operator named', { cgroup: '/pods/pod1/container' }],
    ['a cgroup of pods itself', { cgroup: '/pods' }]
  ])('is no process of %s, whatever its id', async (_, change) => {
    expect(await found(change)).toEqual([])
    expect(await found(change, KUBELET)).toEqual([KUBELET.cgroup])
  })

  it('may be found twice', async () => {
    expect(await found(KUBELET, { cgroup: '/user.slice' })).toEqual([KUBELET.cgroup, '/user.slice'])
  })
})

describe('a cgroup', () => {
  it.each(['', '/', '//'])('is refused when it is the root, written with "%s" at its end', async (end) => {
    await expect(requireOwnCgroup(`${directory}${end}`, directory, [])).rejects.toMatchObject({
      code: 'SLUICE_ERR_KUBELET_ROOT'
    })
  })

  it('is accepted when it is empty, or all its processes run one program', async () => {
    await holds()
    await requireOwnCgroup(cgroup, directory, [])
    await holds(await started('sleep', '60'), await started('sleep', '60'))
    await requireOwnCgroup(cgroup, directory, [])
  })

  it('is refused when two programs run in it, which are named', async () => {
    await holds(await started('sleep', '60'), process.pid)
    const refused = requireOwnCgroup(cgroup, directory, [])
    await expect(refused).rejects.toMatchObject({ code: 'SLUICE_ERR_KUBELET_SHARED' })
    await expect(refused).rejects.toThrow(/sleep.*node|node.*sleep/)
    await expect(refused).rejects.toThrow(cgroup)
  })

  it.each([
    ['kubepods/pod1', []],
    ['kubelet.slice/kubelet-kubepods.slice', []],
    ['pods/pod1/container', ['pods']],
    ['pods', ['pods']],
    ['kubelet.slice', ['kubelet.slice/pods']]
  ])('is refused where pods are: %s', async (path, roots) => {
    const refused = requireOwnCgroup(
      join(directory, path),
      directory,
      roots.map((root) => ({ path: join(directory, root) }))
    )
    await expect(refused).rejects.toMatchObject({ code: 'SLUICE_ERR_KUBELET_PODS' })
  })

  it('is refused when the other program runs below it', async () => {
    await holds(process.pid)
    await mkdir(join(cgroup, 'below'))
    await writeFile(join(cgroup, 'below', 'cgroup.procs'), `${await started('sleep', '60')}\n`)
    await expect(requireOwnCgroup(cgroup, directory, [])).rejects.toMatchObject({
      code: 'SLUICE_ERR_KUBELET_SHARED'
    })
  })

  it('does not mind a process that is gone', async () => {
    await rm(join(cgroup, 'below'), { recursive: true })
    await holds(process.pid, 0x3fffff)
    await requireOwnCgroup(cgroup, directory, [])
  })
})
