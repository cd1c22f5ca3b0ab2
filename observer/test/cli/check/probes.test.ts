// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { bpffsResult } from '../../../cli/check/bpffs.ts'
import { capabilityResults } from '../../../cli/check/capabilities.ts'
import { type CgroupView, cgroupResults } from '../../../cli/check/cgroups.ts'
import { type KernelTrial, kernelResults, type LoadedObject } from '../../../cli/check/kernel.ts'
import { type NodeView, nodeResults } from '../../../cli/check/node.ts'
import { SluiceError } from '../../../errors/error.ts'

const mount = (target: string, type: string, options = 'rw', root = '/') =>
  `41 31 0:38 ${root} ${target} ${options} - ${type} ${type} rw\n`
const statuses = (results: readonly { feature: string; status: string }[]) =>
  Object.fromEntries(results.map(({ feature, status }) => [feature, status]))
const fail = (message: string) => () => {
  throw new Error(message)
}

describe('capabilities', () => {
  it('are read from the effective set', () => {
    const results = capabilityResults('CapPrm:\tffffffffffffffff\nCapEff:\t000000c000001000\n')
    expect(statuses(results)).toEqual({
      CAP_NET_ADMIN: 'ok',
      CAP_SYS_ADMIN: 'missing',
      CAP_SYS_PTRACE: 'missing'
    })
    expect(results.find(({ feature }) => feature === 'CAP_SYS_PTRACE')?.remedy).toContain('add SYS_PTRACE')
  })
})

describe('cgroups', () => {
  const view = (changes: Partial<CgroupView> = {}): CgroupView => ({
    mounted: () => Promise.resolve({ path: '/cg' }),
    roots: () => Promise.resolve([{ path: '/cg/kubelet/kubepods' }]),
    ...changes
  })

  it('with kubepods are fine', async () => {
    expect(await cgroupResults(view())).toEqual([
      { feature: 'cgroup2', status: 'ok', found: 'mounted at /cg' },
      { feature: 'pod cgroups', status: 'ok', found: '/cg/kubelet/kubepods' }
    ])
  })

  it('of version 1 only are refused, and nothing else is looked at', async () => {
    const error = new SluiceError('SLUICE_ERR_CGROUP_V1')
    expect(await cgroupResults(view({ mounted: () => Promise.reject(error) }))).toEqual([
      expect.objectContaining({
        feature: 'cgroup2',
        status: 'missing',
        found: error.message,
        remedy: error.remedy
      })
    ])
  })

  it('without pods degrade', async () => {
    const [, line] = await cgroupResults(view({ roots: () => Promise.resolve([]) }))
    expect(line).toMatchObject({
      feature: 'pod cgroups',
      status: 'degraded',
      remedy: expect.stringContaining('cgroupRoots')
    })
  })

  it('that the agent would refuse are missing', async () => {
    const error = new SluiceError('SLUICE_ERR_CGROUP_ROOT', { path: '/cg/x' }, 'there is no such cgroup')
    const [, line] = await cgroupResults(view({ roots: () => Promise.reject(error) }))
    expect(line).toMatchObject({
      feature: 'pod cgroups',
      status: 'missing',
      found: expect.stringContaining('/cg/x')
    })
  })
})

describe('bpffs', () => {
  it.each([
    ['writable', mount('/b', 'bpf'), () => {}, 'ok', 'writable'],
    ['not mounted', '', () => {}, 'degraded', 'nothing is mounted'],
    [
      'hidden by another mount',
      mount('/b', 'bpf') + mount('/b', 'tmpfs'),
      () => {},
      'degraded',
      'is a tmpfs'
    ],
    ['read-only', mount('/b', 'bpf', 'ro'), fail('EROFS'), 'missing', 'EROFS']
  ] as const)('that is %s', (_, mountinfo, tryDirectory, status, found) => {
    expect(bpffsResult('/b', { mountinfo, tryDirectory })).toMatchObject({
      status,
      found: expect.stringContaining(found)
    })
  })
})

describe('kernel objects', () => {
  const disposed: string[] = []
  const object =
    (changes: Partial<LoadedObject> = {}) =>
    (): LoadedObject => ({
      cgroupPrograms: ['connect4'],
      tryCgroup: () => {},
      tracingPrograms: ['on_mkdir'],
      tryTracing: () => {},
      ringBuffers: ['events'],
      tryRingBuffer: () => {},
      [Symbol.dispose]: () => void disposed.push('object'),
      ...changes
    })
  const results = (load: () => LoadedObject, changes: Partial<KernelTrial> = {}) =>
    kernelResults({
      hasBtf: () => true,
      objects: new Map([['connect', load]]),
      withCgroup: (use) => use('/c'),
      ...changes
    })

  it('that load and attach are fine, and are closed', () => {
    disposed.length = 0
    expect(statuses(results(object()))).toEqual({
      BTF: 'ok',
      'program connect': 'ok',
      'program connect: cgroup': 'ok',
      'program connect: tracepoint': 'ok',
      'program connect: ring buffer': 'ok'
    })
    expect(disposed).toEqual(['object'])
  })

  it('that the verifier refuses are missing, with its reason', () => {
    const [, line, ...more] = results(fail('R1 invalid mem access, +40 lines in .log'))
    expect(line).toMatchObject({
      feature: 'program connect',
      status: 'missing',
      found: 'R1 invalid mem access, +40 lines in .log',
      meaning: 'nothing is steered'
    })
    expect(more).toEqual([])
  })

  it.each([
    ['connect', 'program connect4: invalid func unknown#187', 'bpf_set_retval (5.18)'],
    ['sendmsg', 'program sendmsg4: unknown func bpf_set_retval#187', 'bpf_set_retval (5.18)'],
    ['lookup', 'program lookup: invalid bpf_context access off=64 size=4', 'listener lookup (5.17)'],
    ['guard', 'program setsockopt: unknown func bpf_get_current_ancestor_cgroup_id#123', '(6.1)'],
    ['ztunnel', 'program ztunnel_tcp: unknown func bpf_get_netns_cookie#122', 'sockops (5.15)'],
    ['observe', 'failed to resolve CO-RE relocation <byte_off> [115] struct net.net_cookie', '(5.12)']
  ])('that an older kernel refuses name what it lacks: %s', (name, refusal, lacking) => {
    const [, line] = results(fail('unused'), { objects: new Map([[name, fail(refusal)]]) })
    expect(line).toMatchObject({
      feature: `program ${name}`,
      status: 'missing',
      found: expect.stringMatching(/^no .*: program|^no .*: failed/),
      remedy: 'use Linux 6.1 or newer'
    })
    expect(line?.found).toContain(lacking)
    expect(line?.found).toContain(refusal)
  })

  it.each([
    ['cgroup', { tryCgroup: fail('EPERM') }, 'BPF_F_ALLOW_MULTI'],
    ['tracepoint', { tryTracing: fail('EPERM') }, 'CAP_PERFMON'],
    ['ring buffer', { tryRingBuffer: fail('EINVAL') }, '5.8']
  ])('whose %s does not work are missing, and are closed', (what, changes, remedy) => {
    disposed.length = 0
    const line = results(object(changes)).find(({ feature }) => feature === `program connect: ${what}`)
    expect(line).toMatchObject({ status: 'missing', remedy: expect.stringContaining(remedy) })
    expect(disposed).toEqual(['object'])
  })

  it('cannot be attached without cgroup2', () => {
    const line = results(object(), { withCgroup: undefined }).find(({ feature }) =>
      feature.endsWith('cgroup')
    )
    expect(line).toMatchObject({ status: 'missing', found: 'connect4: cgroup2 is not mounted' })
  })

  it('that were not built are missing, and so is BTF', () => {
    const found = kernelResults({ hasBtf: () => false, objects: new Map(), withCgroup: undefined })
    expect(statuses(found)).toEqual({ BTF: 'missing', programs: 'missing' })
  })
})

describe('the node', () => {
  const view = (changes: Partial<NodeView> = {}): NodeView => ({
    pidNamespace: () => 'pid:[4026531836]',
    podProcesses: () => Promise.resolve([12, 13]),
    hasSysctl: () => true,
    tryWritable: async () => {},
    netnsCookie: () => Promise.resolve(3n),
    peerPidfd: () => Promise.resolve(true),
    ...changes
  })

  it('is fine when everything is there', async () => {
    expect((await nodeResults(view())).every(({ status }) => status === 'ok')).toBe(true)
  })

  it.each([
    ['another pid namespace', { pidNamespace: () => 'pid:[4026532000]' }, 'host processes', 'degraded'],
    [
      'processes that cannot be seen',
      { podProcesses: () => Promise.resolve([12, 0]) },
      'host processes',
      'missing'
    ],
    ['no cookie', { netnsCookie: () => Promise.reject(new Error('ENOPROTOOPT')) }, 'netns cookie', 'missing'],
    ['no pidfd of peers', { peerPidfd: () => Promise.resolve(false) }, 'SO_PEERPIDFD', 'ok'],
    [
      'no answer about pidfds',
      { peerPidfd: () => Promise.reject(new Error('x')) },
      'SO_PEERPIDFD',
      'skipped'
    ],
    ['no sysctl', { hasSysctl: () => false }, 'sysctl net.ipv4.tcp_fwmark_accept', 'missing'],
    [
      'no IPv6',
      { hasSysctl: (name: string) => !name.includes('ipv6') },
      'sysctl net.ipv6.fwmark_reflect',
      'degraded'
    ],
    ['a read-only /proc/sys', { tryWritable: fail('EROFS') }, '/proc/sys writable', 'missing']
  ])('with %s', async (_, changes, feature, status) => {
    const line = (await nodeResults(view(changes))).find((result) => result.feature === feature)
    expect(line?.status).toBe(status)
  })
})
