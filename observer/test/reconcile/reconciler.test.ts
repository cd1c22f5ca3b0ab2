// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it, vi } from 'vitest'
import { SluiceError } from '../../errors/error.ts'
import { verdictName } from '../../maps/verdicts.ts'
import { podState } from '../pods/pods.ts'
import { HOLD_WARNING_MS, member, reconciling } from './reconciling.ts'

const CGROUP = 101n
const FIRST = 10n

function verdictOf(maps: ReturnType<typeof reconciling>['maps']): string {
  return verdictName(maps.cgroup_pod.get(CGROUP)?.verdict ?? -1)
}

describe('a pod that is located', () => {
  it('is answered with its namespace, which stays open for a pod of the mesh', async () => {
    const { reconciler, answers, log } = reconciling()
    reconciler.perform({ do: 'locate', epoch: 1 }, member('held'))
    await expect.poll(() => answers).toEqual([{ kind: 'located', netns: FIRST, epoch: 1 }])
    expect(reconciler.dwelling('u1')?.netns.cookie).toBe(FIRST)
    expect(log).toEqual([])
  })

  it('is opened once, however often it is located', async () => {
    const { reconciler, answers, open } = reconciling()
    for (const epoch of [1, 2]) {
      reconciler.perform({ do: 'locate', epoch }, member('held'))
      await expect.poll(() => answers.at(-1)).toEqual({ kind: 'located', netns: FIRST, epoch })
    }
    expect(open).toHaveBeenCalledOnce()
  })

  it('is let go of when it is none of the mesh', async () => {
    const { reconciler, answers, log } = reconciling()
    reconciler.perform({ do: 'locate', epoch: 1 }, podState({ cgroup: member('held').cgroup }))
    await expect.poll(() => answers).toHaveLength(1)
    expect(log).toEqual(['netns 10 closed'])
    expect(reconciler.dwelling('u1')).toBeUndefined()
  })

  it('has none while no process has left the node’s', async () => {
    const { reconciler, answers, here } = reconciling()
    here.process = undefined
    reconciler.perform({ do: 'locate', epoch: 1 }, member('held'))
    await expect.poll(() => answers).toEqual([{ kind: 'located', netns: undefined, epoch: 1 }])
  })

  it('elsewhere than before: ztunnel gives the former namespace up before it is closed', async () => {
    const { reconciler, answers, here, log } = reconciling()
    reconciler.perform({ do: 'locate', epoch: 1 }, member('held'))
    await expect.poll(() => answers).toHaveLength(1)
    here.process = { pid: 20, inode: 200 }
    reconciler.perform({ do: 'locate', epoch: 2 }, member('held', FIRST))
    await expect.poll(() => answers.at(-1)).toEqual({ kind: 'located', netns: 20n, epoch: 2 })
    expect(log).toEqual(['withdrawn', 'netns 10 closed'])
  })

  it('through a process whose id is another’s by now has failed to enrol, with nothing open', async () => {
    const { reconciler, answers, here, log } = reconciling()
    here.process = { pid: 10, inode: 101 }
    reconciler.perform({ do: 'locate', epoch: 1 }, member('held'))
    const error = 'process 10 is no longer in the network namespace in which it was seen'
    await expect.poll(() => answers).toEqual([{ kind: 'enrol-failed', error, epoch: 1 }])
    expect(log).toEqual(['netns 10 closed'])
    expect(reconciler.dwelling('u1')).toBeUndefined()
  })

  it('whose namespace cannot be opened has failed to enrol, and why is told', async () => {
    const { reconciler, answers, open } = reconciling()
    open.mockRejectedValue(new Error('ENOENT'))
    reconciler.perform({ do: 'locate', epoch: 1 }, member('held'))
    await expect.poll(() => answers).toEqual([{ kind: 'enrol-failed', error: 'ENOENT', epoch: 1 }])
  })
})

describe('a pod that is enrolled', () => {
  it('is steered once ztunnel has acknowledged, then followed, then answered', async () => {
    const { reconciler, answers, maps, log } = reconciling()
    reconciler.perform({ do: 'enrol', epoch: 1 }, member('held', FIRST))
    await expect.poll(() => answers).toEqual([{ kind: 'enrolled', epoch: 1 }])
    expect(log).toEqual(['netns 10 prepared', 'offered', 'netns 10 followed'])
    expect(verdictOf(maps)).toBe('steer')
  })

  it('is entered through the process that the kernel told of, if that is the one', async () => {
    const { reconciler, answers, open, here } = reconciling()
    here.process = undefined
    reconciler.saw(CGROUP, 10)
    reconciler.perform({ do: 'enrol', epoch: 1 }, member('held', FIRST))
    await expect.poll(() => answers).toEqual([{ kind: 'enrolled', epoch: 1 }])
    expect(open.mock.calls.map(([path]) => path)).toEqual(['/proc/10/ns/net'])
  })

  it('is entered through the process that was found before, without another search', async () => {
    const { reconciler, answers, here, open } = reconciling()
    reconciler.perform({ do: 'locate', epoch: 1 }, podState({ cgroup: member('held').cgroup }))
    await expect.poll(() => answers).toHaveLength(1)
    here.process = undefined
    reconciler.perform({ do: 'enrol', epoch: 2 }, member('held', FIRST))
    await expect.poll(() => answers.at(-1)).toEqual({ kind: 'enrolled', epoch: 2 })
    expect(open.mock.calls.map(([path]) => path)).toEqual(['/proc/10/ns/net', '/proc/10/ns/net'])
  })

  it('is entered through another one when its id is somebody else’s by now', async () => {
    const { reconciler, answers, log } = reconciling()
    reconciler.saw(CGROUP, 99)
    reconciler.perform({ do: 'enrol', epoch: 1 }, member('held', FIRST))
    await expect.poll(() => answers).toEqual([{ kind: 'enrolled', epoch: 1 }])
    expect(log[0]).toBe('netns 99 closed')
    expect(reconciler.dwelling('u1')?.netns.cookie).toBe(FIRST)
  })

  it('fails when no process leads to its namespace', async () => {
    const { reconciler, answers, here, maps } = reconciling()
    here.process = undefined
    reconciler.perform({ do: 'judge', verdict: 'held' }, member('held'))
    reconciler.perform({ do: 'enrol', epoch: 1 }, member('held', FIRST))
    const error = 'its network namespace is gone'
    await expect
      .poll(() => answers)
      .toEqual([{ kind: 'enrol-failed', error, epoch: 1, capturedByIstio: false }])
    expect(verdictOf(maps)).toBe('held')
  })

  it.each([
    ['SLUICE_ERR_NETNS_ISTIO', true],
    ['SLUICE_ERR_NETNS_ROUTING', false]
  ] as const)('fails by %s: captured by istio-cni is %s', async (code, capturedByIstio) => {
    const { reconciler, answers, refuseConflicts } = reconciling()
    refuseConflicts.mockRejectedValue(new SluiceError(code, { found: 'this' }))
    reconciler.perform({ do: 'enrol', epoch: 1 }, member('pass', FIRST))
    await expect.poll(() => answers).toMatchObject([{ kind: 'enrol-failed', capturedByIstio }])
  })
})

describe('a pod that leaves', () => {
  it('passes at once, calls its enrolment off, and ends with nothing open', async () => {
    const { reconciler, answers, maps, zds, log } = reconciling()
    zds.offer.mockReturnValue(new Promise(() => undefined))
    reconciler.perform({ do: 'enrol', epoch: 1 }, member('held', FIRST))
    await expect.poll(() => zds.offer.mock.calls.length).toBe(1)
    reconciler.perform({ do: 'leave', epoch: 2 }, member('pass', FIRST))
    expect(verdictOf(maps)).toBe('pass')
    await expect.poll(() => answers).toEqual([{ kind: 'left', epoch: 2 }])
    expect(log).toEqual([
      'netns 10 prepared',
      'withdrawn',
      'netns 10 restored',
      'lookup closed',
      'netns 10 closed'
    ])
    expect(verdictOf(maps)).toBe('pass')
  })

  it('without a namespace is withdrawn all the same', async () => {
    const { reconciler, answers, here, log } = reconciling()
    here.process = undefined
    reconciler.perform({ do: 'leave', epoch: 1 }, member('pass', FIRST))
    await expect.poll(() => answers).toEqual([{ kind: 'left', epoch: 1 }])
    expect(log).toEqual(['withdrawn'])
  })
})

describe('a pod that is forgotten', () => {
  it('is out of the maps at once; its handle goes when ztunnel has given it up', async () => {
    const { reconciler, answers, maps, zds, log } = reconciling()
    reconciler.perform({ do: 'enrol', epoch: 1 }, member('held', FIRST))
    await expect.poll(() => answers).toHaveLength(1)
    const given = Promise.withResolvers<void>()
    zds.withdraw.mockReturnValue(given.promise)
    reconciler.perform({ do: 'forget', cgroup: CGROUP, netns: FIRST }, member('steer', FIRST))
    expect([maps.cgroup_pod.keys(), maps.netns_pod.keys()]).toEqual([[], []])
    await expect.poll(() => zds.withdraw.mock.calls.length).toBe(1)
    expect(log.splice(0)).not.toContain('netns 10 closed')
    given.resolve()
    await expect.poll(() => log).toEqual(['netns 10 restored', 'lookup closed', 'netns 10 closed'])
    expect(reconciler.dwelling('u1')).toBeUndefined()
  })
})

describe('what comes later', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('is answered in its time, and not after the end', async () => {
    vi.useFakeTimers()
    const { reconciler, answers } = reconciling()
    reconciler.perform({ do: 'retry-later', delayMs: 100, epoch: 1 }, member('held'))
    reconciler.perform({ do: 'watch-hold', epoch: 2 }, member('held'))
    vi.advanceTimersByTime(99)
    expect(answers).toEqual([])
    vi.advanceTimersByTime(1)
    expect(answers).toEqual([{ kind: 'retry', epoch: 1 }])
    vi.advanceTimersByTime(HOLD_WARNING_MS - 100)
    expect(answers.at(-1)).toEqual({ kind: 'overdue', epoch: 2 })
    reconciler.perform({ do: 'retry-later', delayMs: 100, epoch: 3 }, member('held'))
    await reconciler.close()
    vi.advanceTimersByTime(1000)
    expect(answers).toHaveLength(2)
  })
})

it('the end lets go of every handle, calls off what runs, and changes no verdict', async () => {
  const { reconciler, answers, maps, zds, log } = reconciling()
  zds.offer.mockReturnValue(new Promise(() => undefined))
  reconciler.perform({ do: 'judge', verdict: 'held' }, member('held', FIRST))
  reconciler.perform({ do: 'enrol', epoch: 1 }, member('held', FIRST))
  await expect.poll(() => zds.offer.mock.calls.length).toBe(1)
  await reconciler.close()
  expect(log).toEqual(['netns 10 prepared', 'lookup closed', 'netns 10 closed'])
  expect(answers).toEqual([])
  expect(verdictOf(maps)).toBe('held')
})
