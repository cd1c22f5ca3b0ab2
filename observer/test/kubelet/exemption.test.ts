// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KubeletExemption } from '../../kubelet/exemption.ts'

let mount: string
let done: string[]
let said: { level: number; reason?: string }[]

const log = pino({ base: null }, { write: (text: string) => said.push(JSON.parse(text)) })

beforeEach(async () => {
  mount = await mkdtemp(join(tmpdir(), 'exemption-'))
  done = []
  said = []
})

afterEach(() => rm(mount, { recursive: true }))

function exemption(cgroup = '/kubelet.service', attach = (path: string) => void done.push(path)) {
  const hooks = { attachKubelet: attach, detachKubelet: () => void done.push('detached') }
  const place = { cgroup2: { path: mount, namespace: '/' }, kubepods: { roots: [] }, hostInode: 1 }
  return new KubeletExemption({ cgroup, ...place, hooks, log })
}

const path = () => join(mount, 'kubelet.service')

describe('the kubelet’s cgroup', () => {
  it('is attached once while it stays', async () => {
    await mkdir(path())
    const kept = exemption()
    for (let i = 0; i < 3; i++) await kept.refresh()
    expect(done).toEqual([path()])
    expect(kept.cgroup).toBe(path())
  })

  it('is attached again when it was made anew at the same path', async () => {
    await mkdir(path())
    const kept = exemption()
    await kept.refresh()
    // Kept beside it, so that the new one cannot have its inode.
    await rename(path(), join(mount, 'former'))
    await kept.refresh()
    await mkdir(path())
    await kept.refresh()
    expect(done).toEqual([path(), path()])
    await rmdir(join(mount, 'former'))
  })

  it('is waited for, which is said once', async () => {
    const kept = exemption()
    await kept.refresh()
    await kept.refresh()
    expect(said).toMatchObject([{ level: 40, reason: 'no kubelet runs here: probes go through ztunnel' }])
    await mkdir(path())
    await kept.refresh()
    expect(done.at(-1)).toBe(path())
  })

  it('that is nowhere ends what a former agent exempted, and nothing of this one', async () => {
    const kept = exemption()
    await kept.refresh()
    expect(done).toEqual(['detached'])
    await mkdir(path())
    await kept.refresh()
    await rmdir(path())
    await kept.refresh()
    expect(done).toEqual(['detached', path()])
  })

  it('is let go when it is refused, and taken when it is not any more', async () => {
    await mkdir(path())
    const kept = exemption()
    await kept.refresh()
    await rename(path(), join(mount, 'former'))
    await mkdir(path())
    const other = spawn('sleep', ['60'])
    await once(other, 'spawn')
    await writeFile(join(path(), 'cgroup.procs'), `${process.pid}\n${other.pid}\n`)
    await kept.refresh()
    other.kill()
    expect(done).toEqual([path(), 'detached'])
    expect(kept.cgroup).toBeUndefined()
    expect(said.at(-1)).toMatchObject({ level: 40, reason: expect.stringContaining(path()) as string })
    await writeFile(join(path(), 'cgroup.procs'), '')
    await kept.refresh()
    expect(done).toEqual([path(), 'detached', path()])
  })

  it('whose attachment fails is tried again', async () => {
    await mkdir(path())
    const kept = exemption('/kubelet.service', (at) => {
      done.push(at)
      throw new Error('no memory')
    })
    await kept.refresh()
    await kept.refresh()
    expect(done).toEqual([path(), 'detached', path(), 'detached'])
    expect(said).toMatchObject([{ level: 40, reason: 'no memory' }])
    expect(kept.cgroup).toBeUndefined()
  })
})
