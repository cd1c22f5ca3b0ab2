// SPDX-License-Identifier: Apache-2.0

import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { IdentityOptions, Peer } from '../../ztunnel/identity.ts'
import { createAuthorize, unifiedPath } from '../../ztunnel/identity.ts'

const POD = '/kubepods/burstable/pod1'
const CONTAINER = `${POD}/ztunnel`
const PEER: Peer = { pid: 42, startTime: 900n, pidfd: undefined }

let root: string
let proc: string
let cgroupRoot: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-identity-'))
  proc = join(root, 'proc')
  cgroupRoot = join(root, 'cgroup')
  mkdirSync(join(cgroupRoot, CONTAINER), { recursive: true })
  mkdirSync(join(cgroupRoot, '/ztunnel-of-manifest/inner'), { recursive: true })
  process({ cgroup: CONTAINER })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function put(path: string, text: string): void {
  mkdirSync(dirname(join(proc, path)), { recursive: true })
  writeFileSync(join(proc, path), text)
}

function process({ cgroup, startTime = 900n }: { cgroup: string; startTime?: bigint }): void {
  put('42/cgroup', `12:cpu:/elsewhere\n0::${cgroup}\n`)
  put('42/stat', `42 (a) zt (b) S ${Array.from({ length: 18 }, () => '1').join(' ')} ${startTime} 5 6\n`)
}

function authorize(options: Partial<IdentityOptions> = {}, peer: Peer = PEER) {
  const podOf = (path: string) => {
    const match = /^(.*\/pod(\w+))(\/|$)/.exec(path)
    return match === null ? undefined : { uid: match[2] ?? '', path: match[1] ?? '' }
  }
  const cgroup2 = { path: cgroupRoot, level: 0, namespace: '/' }
  return createAuthorize({ cgroup2, proc, podOf, isZtunnelPod: (uid) => uid === '1', ...options })(peer)
}

describe('a peer', () => {
  it('is served when its cgroup belongs to a pod that the source says is ztunnel', async () => {
    const id = statSync(join(cgroupRoot, POD), { bigint: true }).ino
    expect(await authorize()).toEqual({
      allowed: true,
      key: '1',
      cgroup: { id, path: join(cgroupRoot, POD), level: 3 }
    })
  })

  it.each<[string, string, Partial<IdentityOptions>, Partial<Peer>, string?]>([
    ['lives in a pid namespace that is not visible', 'pid-not-visible', {}, { pid: 0 }],
    ['has ended', 'process-gone', {}, { pid: 43 }],
    ['has ended, and its pid is another process now', 'process-gone', {}, { startTime: 899n }],
    ['is in no pod', 'not-a-pod', {}, {}, '/system.slice/evil.service'],
    ['is in the root cgroup', 'not-a-pod', {}, {}, '/'],
    ['is in another pod', 'not-ztunnel', {}, {}, '/kubepods/pod2/app'],
    [
      'is not in the configured cgroup',
      'not-in-ztunnel-cgroup',
      { ztunnelCgroup: '/ztunnel-of-manifest' },
      {}
    ],
    [
      'is in a cgroup whose name only begins alike',
      'not-in-ztunnel-cgroup',
      { ztunnelCgroup: '/ztunnel' },
      {},
      '/ztunnel-of-manifest'
    ],
    ['would be anybody, with the root configured', 'not-in-ztunnel-cgroup', { ztunnelCgroup: '/' }, {}],
    ["is outside the agent's cgroup namespace", 'cgroup-unknown', {}, {}, '/../pod1/x'],
    ['is in a cgroup that was removed', 'cgroup-unknown', {}, {}, `${CONTAINER} (deleted)`],
    ['is in a cgroup that is not below the mount point', 'cgroup-unknown', {}, {}, '/gone/pod1']
  ])('is refused when it %s', async (_, reason, options, peer, cgroup) => {
    if (cgroup !== undefined) process({ cgroup })
    expect(await authorize(options, { ...PEER, ...peer })).toMatchObject({ allowed: false, reason })
  })

  it('is served when the agent has a cgroup namespace of its own', async () => {
    process({ cgroup: `/../..${CONTAINER}` })
    const cgroup2 = { path: cgroupRoot, level: 5, namespace: '/agents/1' }
    expect(await authorize({ cgroup2 })).toMatchObject({
      allowed: true,
      cgroup: { path: join(cgroupRoot, POD), level: 8 }
    })
  })

  it('is refused when its pid becomes another process while its cgroup is read', async () => {
    const podOf = () => ({ uid: '1', path: POD })
    expect(await authorize({ podOf })).toMatchObject({ allowed: true })
    const deciding = authorize({ podOf })
    process({ cgroup: CONTAINER, startTime: 901n })
    expect(await deciding).toMatchObject({ allowed: false, reason: 'process-gone' })
  })

  it.each(['/ztunnel-of-manifest', 'ztunnel-of-manifest/'])(
    'is served below the configured cgroup %s',
    async (ztunnelCgroup) => {
      process({ cgroup: '/ztunnel-of-manifest/inner' })
      const path = join(cgroupRoot, 'ztunnel-of-manifest')
      expect(await authorize({ ztunnelCgroup })).toMatchObject({
        allowed: true,
        key: '/ztunnel-of-manifest',
        cgroup: { path, level: 1 }
      })
      expect(await authorize({ ztunnelCgroup: path })).toMatchObject({
        allowed: true,
        cgroup: { path, level: 1 }
      })
    }
  )

  it.each([
    ['42', true],
    ['-1', false],
    ['43', false]
  ])('with a pidfd of pid %s is served: %s', async (pid, allowed) => {
    put('self/fdinfo/9', `pos:\t0\nflags:\t02\nPid:\t${pid}\nNSpid:\t${pid}\n`)
    expect(await authorize({}, { ...PEER, pidfd: 9 })).toMatchObject({ allowed })
  })
})

describe('the files of /proc', () => {
  it.each([
    ['a hybrid hierarchy', '3:cpu:/a\n0::/b\n1:name=systemd:/c\n', '/b'],
    ['cgroup v1 alone', '3:cpu:/a\n', undefined],
    ['nothing', '', undefined],
    ['no file', undefined, undefined]
  ])('with %s', (_, text, path) => {
    expect(unifiedPath(text)).toBe(path)
  })

  it('are read without a throw, whatever they hold', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(unifiedPath(text)?.startsWith('/') ?? true).toBe(true)
        expect(unifiedPath(`0::/${text}`)?.split('/') ?? []).not.toContain('..')
      })
    )
  })
})
