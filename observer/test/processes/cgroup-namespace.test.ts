// SPDX-License-Identifier: Apache-2.0
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { namespaceRoot, parseProcCgroup } from '../../processes/cgroup-namespace.ts'

const CONTAINER = '/kubepods/burstable/pod1/agent'
const PID = 42

describe('the cgroup that /proc/<pid>/cgroup tells', () => {
  it.each([
    ['hybrid', '9:name=systemd:/\n0::/kubepods/podx/y\n', '/', '/kubepods/podx/y'],
    ['unified', '0::/\n', '/', '/'],
    ['a name with colons', '0::/a:b::c\n', '/', '/a:b::c'],
    ['only v1', '1:cpu:/x\n', '/', undefined],
    ['nothing', '', '/', undefined],
    ['to a container, of itself', '0::/\n', CONTAINER, CONTAINER],
    ['to a container, of its child', '0::/init\n', CONTAINER, `${CONTAINER}/init`],
    ['to a container, of its neighbour', '0::/../../pod2/app\n', CONTAINER, '/kubepods/burstable/pod2/app'],
    ['to a container, of the node', '0::/../../../../kubelet.service\n', CONTAINER, '/kubelet.service'],
    ['to a container, of the root', '0::/../../../..\n', CONTAINER, '/'],
    ['outside the mount', '0::/../x\n', '/', undefined],
    ['outside the mount, of a container', '0::/../../../../../x\n', CONTAINER, undefined]
  ])('%s', (_, content, namespace, expected) => {
    expect(parseProcCgroup(content, namespace)).toBe(expected)
  })

  it('is read without a throw, whatever the file holds', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((rest) => `0::/${rest}\n1`)
    )
    fc.assert(
      fc.property(text, fc.constantFrom('/', CONTAINER), (content, namespace) => {
        const path = parseProcCgroup(content, namespace) ?? '/'
        expect(path).toMatch(/^\//)
        expect(path.split('/')).not.toContain('..')
      })
    )
  })
})

describe('where such paths begin', () => {
  let mountPoint: string

  beforeEach(async () => {
    mountPoint = await mkdtemp(join(tmpdir(), 'namespace-'))
    for (const [cgroup, pids] of [
      ['', ''],
      ['/kubelet.service', '7\n'],
      ['/kubepods/burstable/pod1/agent', `41\n${PID}\n`],
      ['/kubepods/burstable/pod1/agent/init', '43\n'],
      ['/kubepods/burstable/pod2/app', '420\n']
    ] as const) {
      await mkdir(join(mountPoint, cgroup), { recursive: true })
      await writeFile(join(mountPoint, cgroup, 'cgroup.procs'), pids)
    }
  })
  afterEach(() => rm(mountPoint, { recursive: true }))

  it.each([
    ['at the mount, on the node', '/', PID, '/kubepods/burstable/pod1/agent', '/'],
    ['at the mount, where a part is mounted', '/docker/kind', PID, '/', '/'],
    ['at the own cgroup, in a container', '/../../../..', PID, '/', CONTAINER],
    ['above the own cgroup', '/../../../..', 43, '/init', CONTAINER],
    ['above the own cgroup, where a part is mounted', '/../..', 7, '/', undefined],
    ['nowhere, for a process that the mount does not hold', '/../../../..', 99, '/', undefined]
  ])('%s', async (_, root, pid, cgroup, expected) => {
    const mount = { mountPoint, root, type: 'cgroup2' }
    expect(await namespaceRoot(mount, { pid, content: `0::${cgroup}\n` })).toBe(expected)
  })
})
