// SPDX-License-Identifier: Apache-2.0
// A directory tree stands in for cgroup2: what is tested is which directory is which pod's.

import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Event, event_kind, pod_limits } from '#contract'
import { Kubepods } from '../../processes/kubepods.ts'

const { EVENT_POD_ADDED, EVENT_POD_REMOVED, EVENT_POD_NETNS, EVENT_ROOT_ADDED } = event_kind
const SEEN = { verdict: 'unknown', netns: undefined, prepared: false } as const

async function kubepods(...pods: string[]) {
  const path = mkdtempSync(join(tmpdir(), 'sluice-kubepods-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  for (const pod of ['kubepods/burstable', ...pods]) mkdirSync(join(path, pod), { recursive: true })
  const made = new Kubepods({ path, level: 0 }, [], { read: () => SEEN })
  await made.refresh()
  const idOf = (name: string) => statSync(join(path, name), { bigint: true }).ino
  return { made, path, idOf }
}

function event(kind: number, change: Partial<Event>): Event {
  return { time: 0n, cgroup: 0n, netns: 0n, netns_inode: 0, pid: 0, level: 0, kind, name: '', ...change }
}

describe('an event', () => {
  it.each([
    ['below the root', 'kubepods/podu1', 2],
    ['below a QoS class', 'kubepods/burstable/podu1', 3]
  ])('of a new pod %s finds its cgroup', async (_, name, level) => {
    const { made, path, idOf } = await kubepods(name)
    const id = idOf(name)
    expect(made.translate(event(EVENT_POD_ADDED, { cgroup: id, level, name: 'podu1' }))).toEqual({
      kind: 'cgroup-found',
      cgroup: { id, path: join(path, name), level, uid: 'u1' },
      ...SEEN
    })
  })

  it('of a cgroup that is gone, or was made again, tells nothing', async () => {
    const { made, idOf } = await kubepods('kubepods/podu1')
    const id = idOf('kubepods/podu1')
    const added = (change: Partial<Event>) => made.translate(event(EVENT_POD_ADDED, { level: 2, ...change }))
    expect(added({ cgroup: id, name: 'podu2' })).toBeUndefined()
    expect(added({ cgroup: id + 1_000_000n, name: 'podu1' })).toBeUndefined()
    expect(added({ cgroup: id, name: 'podu1', level: 3 })).toBeUndefined()
    expect(added({ cgroup: id, name: 'system.slice' })).toBeUndefined()
  })

  it('of the end of a pod, of a namespace and of a root', async () => {
    const { made } = await kubepods()
    expect(made.translate(event(EVENT_POD_REMOVED, { cgroup: 5n }))).toEqual({ kind: 'cgroup-gone', id: 5n })
    expect(made.translate(event(EVENT_POD_NETNS, { cgroup: 5n, netns: 6n, pid: 7 }))).toMatchObject({
      kind: 'netns-seen',
      cgroup: 5n,
      netns: 6n
    })
    expect(made.translate(event(EVENT_ROOT_ADDED, { cgroup: 5n, name: 'kubepods' }))).toBeUndefined()
  })
})

describe('a namespace', () => {
  it('of a pod that was not there when the kernel told of it is missed, until a scan finds the pod', async () => {
    const { made, path } = await kubepods()
    const told = made.translate(event(EVENT_POD_ADDED, { cgroup: 1n, level: 2, name: 'podu1' }))
    expect(told).toBeUndefined()
    mkdirSync(join(path, 'kubepods/podu1'))
    const { ino } = statSync(join(path, 'kubepods/podu1'), { bigint: true })
    expect(made.missed(event(EVENT_POD_NETNS, { cgroup: ino }))).toBe(true)
    await made.scan()
    expect(made.missed(event(EVENT_POD_NETNS, { cgroup: ino }))).toBe(false)
    expect(made.missed(event(EVENT_POD_REMOVED, { cgroup: 77n }))).toBe(false)
  })
})

describe('a scan', () => {
  it('tells what is there, and once what is there no more', async () => {
    const { made, path, idOf } = await kubepods('kubepods/podu1', 'kubepods/burstable/podu2')
    const first = idOf('kubepods/podu1')
    const uids = async () =>
      (await made.scan()).map((fact) => (fact.kind === 'cgroup-found' ? fact.cgroup.uid : fact))
    expect(new Set(await uids())).toEqual(new Set(['u1', 'u2']))
    rmdirSync(join(path, 'kubepods/podu1'))
    expect(await uids()).toEqual([{ kind: 'cgroup-gone', id: first }, 'u2'])
    expect(await uids()).toEqual(['u2'])
  })
})

describe('a second cgroup with the name of a pod', () => {
  it.each([
    ['of which nobody can say whether processes are in it', 'directory', 'cgroup-rival'],
    ['which has processes', 'populated 1\n', 'cgroup-rival'],
    ['which has none any more', 'populated 0\n', 'cgroup-found']
  ])('beside one %s: %s', async (_, events, told) => {
    const { made, path, idOf } = await kubepods('kubepods/podu1')
    await made.scan()
    const file = join(path, 'kubepods/podu1/cgroup.events')
    if (events === 'directory') mkdirSync(file)
    else writeFileSync(file, events)
    mkdirSync(join(path, 'kubepods/burstable/podu1'))
    const cgroup = idOf('kubepods/burstable/podu1')
    const fact = made.translate(event(EVENT_POD_ADDED, { cgroup, level: 3, name: 'podu1' }))
    expect(fact?.kind).toBe(told)
  })
})

describe('a pod that the hooks cannot reach', () => {
  const deep = (levels: number) => [...Array.from({ length: levels }, () => 'n'), 'kubepods/podu9'].join('/')
  const uids = async (made: Kubepods) =>
    (await made.scan()).map((fact) => (fact.kind === 'cgroup-found' ? fact.cgroup.uid : fact.kind))

  it.each([
    [pod_limits.POD_LEVELS - 1, ['u1', 'u9']],
    [pod_limits.POD_LEVELS, ['u1']]
  ])('%i levels below the highest root is found, or left alone', async (levels, found) => {
    const { made } = await kubepods('kubepods/podu1', deep(levels))
    expect((await uids(made)).toSorted()).toEqual(found)
  })

  it('stays known when the root that is too far above was made later', async () => {
    const { made, path } = await kubepods(deep(pod_limits.POD_LEVELS))
    rmSync(join(path, 'kubepods'), { recursive: true })
    await made.refresh()
    expect(await uids(made)).toEqual(['u9'])
    mkdirSync(join(path, 'kubepods/podu1'), { recursive: true })
    await made.refresh()
    expect((await uids(made)).toSorted()).toEqual(['u1', 'u9'])
  })
})

describe('the pod of a process', () => {
  it.each([
    ['/kubepods/podu1', 'u1'],
    ['/kubepods/podu1/container', 'u1'],
    ['/kubepods/burstable/podu2/container', 'u2'],
    ['/kubepods', undefined],
    ['/kubepods/burstable', undefined],
    ['/elsewhere/podu1', undefined],
    ['/system.slice/kubepods/podu1', undefined]
  ])('in %s is %s', async (path, uid) => {
    const { made } = await kubepods('kubepods/podu1')
    expect(made.podOf(path)?.uid).toBe(uid)
  })
})
