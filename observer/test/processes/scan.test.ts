// SPDX-License-Identifier: Apache-2.0
// Over an ordinary directory tree: the scan asks nothing of cgroup2 but names, inodes and cgroup.procs.
import { mkdtempSync } from 'node:fs'
import { chown, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findRoots, namedRoots } from '../../processes/roots.ts'
import { cgroupOf, parseCgroupProcs, podProcesses, scanPods } from '../../processes/scan.ts'

const UID = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'
const HASH = '8b5aa2a4b1d2dcd3f0cfc0d2a1b3c4d5'
const CONTAINER = 'e'.repeat(64)

let path: string
const make = (...below: string[]) =>
  Promise.all(below.map((dir) => mkdir(join(path, dir), { recursive: true })))
const tree = () => ({ path, level: 0 })
beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'sluice-scan-'))
})
afterEach(() => rm(path, { recursive: true, force: true }))

describe('kubepods roots', () => {
  it('are found at any depth with their QoS classes, their level and their id', async () => {
    await make(
      'system.slice/x.service',
      'kubelet/kubepods/burstable',
      'kubepods.slice/kubepods-besteffort.slice'
    )
    const roots = await findRoots(tree())
    const { ino } = await stat(join(path, 'kubelet/kubepods'), { bigint: true })
    expect(roots).toContainEqual({
      id: ino,
      path: join(path, 'kubelet/kubepods'),
      level: 2,
      qos: 'guaranteed'
    })
    const sorted = roots.toSorted((a, b) => (a.path < b.path ? -1 : 1))
    expect(sorted.map((root) => [root.path.slice(path.length), root.level, root.qos])).toEqual([
      ['/kubelet/kubepods', 2, 'guaranteed'],
      ['/kubelet/kubepods/burstable', 3, 'burstable'],
      ['/kubepods.slice', 1, 'guaranteed'],
      ['/kubepods.slice/kubepods-besteffort.slice', 2, 'besteffort']
    ])
  })

  it('are not looked for inside another root', async () => {
    await make(`kubepods/pod${UID}/${CONTAINER}/kubelet/kubepods/burstable`)
    expect((await findRoots(tree())).map((root) => root.path)).toEqual([join(path, 'kubepods')])
  })

  it("are not another user's, who could make pods of any uid there", async (context) => {
    if (process.getuid?.() !== 0) context.skip('giving a directory away needs root')
    const theirs = 'user.slice/user-1000.slice/kubepods'
    await make('kubepods', `${theirs}/burstable`)
    expect(await findRoots(tree())).toHaveLength(3)
    await chown(join(path, theirs), 1000, 1000)
    expect((await findRoots(tree())).map((root) => root.path)).toEqual([join(path, 'kubepods')])
  })

  it('count their level from the mounted directory', async () => {
    await make('kubepods')
    expect((await findRoots({ path, level: 3 }))[0]?.level).toBe(4)
  })

  it('need not exist yet', async () => {
    await make('system.slice', `docker/${CONTAINER}`, `system.slice/docker-${CONTAINER}.scope`)
    expect(await findRoots(tree())).toEqual([])
  })

  it.each([CONTAINER, `k8s.io/${CONTAINER}`, `system.slice/crio-${CONTAINER}.scope`])(
    'are missed, with the kubelet option named, where there is %s',
    async (container) => {
      await make(container)
      await expect(findRoots(tree())).rejects.toMatchObject({
        code: 'SLUICE_ERR_CGROUP_PER_QOS',
        message: expect.stringContaining('--cgroups-per-qos=false')
      })
      await make('kubepods')
      expect(await findRoots(tree())).toHaveLength(1)
    }
  )

  it('can be named, whatever they are called', async () => {
    await make('pods/burstable')
    const roots = await namedRoots(tree(), ['/pods'])
    expect(roots.map((root) => [root.level, root.qos])).toEqual([
      [1, 'guaranteed'],
      [2, 'burstable']
    ])
  })

  it.each([
    ['/missing', 'there is no such cgroup'],
    ['/', 'it holds more than pods'],
    ['../..', 'it is not below the mount']
  ])('are refused by name: %s', async (name, cause) => {
    await expect(namedRoots(tree(), [name])).rejects.toMatchObject({
      code: 'SLUICE_ERR_CGROUP_ROOT',
      message: expect.stringContaining(cause)
    })
  })
})

describe('pods', () => {
  it('are found below every root and QoS class', async () => {
    const systemd = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice`
    await make(`kubepods/pod${HASH}/${CONTAINER}`, systemd, 'kubepods/other')
    const pods = await scanPods(await findRoots(tree()))
    const { ino } = await stat(join(path, systemd), { bigint: true })
    expect(pods).toHaveLength(2)
    const name = `kubepods-burstable-pod${UID.replaceAll('-', '_')}.slice`
    expect(pods).toContainEqual({ id: ino, path: join(path, systemd), level: 3, uid: UID, name })
    expect(pods).toContainEqual(expect.objectContaining({ uid: HASH, level: 2, name: `pod${HASH}` }))
  })

  it('may vanish with their root', async () => {
    await make(`kubepods/pod${UID}`)
    const roots = await findRoots(tree())
    await rm(join(path, 'kubepods'), { recursive: true })
    expect(await scanPods(roots)).toEqual([])
    expect(await podProcesses(join(path, 'kubepods'))).toEqual([])
  })

  it('have the processes of all cgroups below, each once', async () => {
    await make('pod/a/b', 'pod/c')
    await writeFile(join(path, 'pod/cgroup.procs'), '')
    await writeFile(join(path, 'pod/a/cgroup.procs'), '12\n7\n0\n')
    await writeFile(join(path, 'pod/a/b/cgroup.procs'), '9\n')
    await writeFile(join(path, 'pod/c/cgroup.procs'), '7\n')
    expect((await podProcesses(join(path, 'pod'))).toSorted((a, b) => a - b)).toEqual([7, 9, 12])
  })
})

describe('the cgroup of a process', () => {
  it('is told for this process and not for one that is gone', async () => {
    const top = { namespace: '/' }
    expect(await cgroupOf(process.pid, top)).toMatch(/^\//)
    expect(await cgroupOf(2 ** 30, top)).toBeUndefined()
  })

  it('leaves out what is not a process id', () => {
    expect(parseCgroupProcs('1\n0\n-3\nx\n\n22')).toEqual([1, 22])
  })

  it('is read without a throw, whatever the files hold', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((rest) => `0::/${rest}\n1`)
    )
    fc.assert(
      fc.property(text, (content) => {
        expect(parseCgroupProcs(content).every((pid) => Number.isInteger(pid) && pid > 0)).toBe(true)
      })
    )
    const pids = fc.array(fc.integer({ min: 1, max: 4_194_304 }))
    fc.assert(
      fc.property(pids, (each) => {
        expect(parseCgroupProcs(`${each.join('\n')}\n`)).toEqual(each)
      })
    )
  })
})
