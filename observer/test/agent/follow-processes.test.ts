// SPDX-License-Identifier: Apache-2.0
import { EMPTY, lastValueFrom, NEVER, of, Subject, toArray } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, it, vi } from 'vitest'
import { type Event, event_kind } from '#contract'
import { followProcesses, type ProcessSources } from '../../agent/follow-processes.ts'
import type { ProcessEvent } from '../../processes/process-event.ts'

const { EVENT_POD_REMOVED, EVENT_ROOT_ADDED, EVENT_POD_NETNS } = event_kind

function event(kind: number, cgroup: bigint): Event {
  return { time: 0n, cgroup, netns: 7n, netns_inode: 1, pid: 1, level: 2, kind, name: '' }
}

const gone = (id: bigint): ProcessEvent => ({ kind: 'cgroup-gone', id })

/** A node whose scans find that cgroup 9 is gone; what is asked of it is written down. */
function node(log: string[] = []) {
  const kubepods: ProcessSources['kubepods'] = {
    scan: async () => {
      log.push('scan')
      return [gone(9n)]
    },
    translate: (each) => {
      log.push(`translate ${each.cgroup}`)
      return each.kind === EVENT_POD_REMOVED ? gone(each.cgroup) : undefined
    },
    missed: () => false
  }
  const followRoots = async () => {
    await Promise.resolve()
    log.push('roots')
  }
  return { kubepods, followRoots, onProblem: (error: unknown) => log.push(String(error)), log }
}

function marbles(): TestScheduler {
  return new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
}

describe('facts of the kernel’s events', () => {
  const batches = {
    x: [event(EVENT_POD_REMOVED, 1n), event(EVENT_POD_REMOVED, 2n)],
    y: [event(EVENT_POD_NETNS, 3n)]
  }
  const facts = { a: gone(1n), b: gone(2n) }

  it('come in their order, and complete', () => {
    marbles().run(({ cold, expectObservable, expectSubscriptions }) => {
      const events$ = cold<readonly Event[]>('-x--y-----|', batches)
      const out$ = followProcesses({ ...node(), events$, scans$: EMPTY })
      expectObservable(out$).toBe('-(ab)-----|', facts)
      expectSubscriptions(events$.subscriptions).toBe('^---------!')
    })
  })

  it('pass an error on', () => {
    marbles().run(({ cold, expectObservable }) => {
      const events$ = cold<readonly Event[]>('-x-----#', batches)
      expectObservable(followProcesses({ ...node(), events$, scans$: NEVER })).toBe('-(ab)--#', facts)
    })
  })

  it('are let go of on unsubscription, and so are the scans', () => {
    marbles().run(({ hot, expectObservable, expectSubscriptions }) => {
      const events$ = hot<readonly Event[]>('-x-----x--', batches)
      const scans$ = hot<'interval'>('----------')
      const out$ = followProcesses({ ...node(), events$, scans$ })
      expectObservable(out$, '^-----!').toBe('-(ab)--', facts)
      expectSubscriptions(events$.subscriptions).toBe('^-----!')
      expectSubscriptions(scans$.subscriptions).toBe('^-----!')
    })
  })
})

describe('scans and events', () => {
  it('do not overlap: a batch that comes during a scan waits for its end', async () => {
    const { log, ...parts } = node()
    const events$ = new Subject<readonly Event[]>()
    const scans$ = new Subject<string>()
    const facts = lastValueFrom(followProcesses({ ...parts, events$, scans$ }).pipe(toArray()))
    scans$.next('interval')
    events$.next([event(EVENT_POD_REMOVED, 1n)])
    scans$.next('interval')
    events$.complete()
    scans$.complete()
    expect(await facts).toEqual([gone(9n), gone(1n), gone(9n)])
    expect(log).toEqual(['roots', 'scan', 'translate 1', 'roots', 'scan'])
  })

  it('see a new root before the events after it', async () => {
    const { log, ...parts } = node()
    const batch = [event(EVENT_POD_REMOVED, 1n), event(EVENT_ROOT_ADDED, 5n), event(EVENT_POD_REMOVED, 2n)]
    const out$ = followProcesses({ ...parts, events$: of(batch), scans$: EMPTY })
    expect(await lastValueFrom(out$.pipe(toArray()))).toEqual([gone(1n), gone(9n), gone(2n)])
    expect(log).toEqual(['translate 1', 'roots', 'scan', 'translate 2'])
  })

  it('find a pod that could not be seen yet when the kernel told of it', async () => {
    const { log, kubepods, ...parts } = node()
    const missed: typeof kubepods.missed = ({ kind }) => kind === EVENT_POD_NETNS
    const out$ = followProcesses({
      ...parts,
      kubepods: { ...kubepods, missed },
      events$: of([event(EVENT_POD_NETNS, 1n), event(EVENT_POD_REMOVED, 2n)], [event(EVENT_POD_REMOVED, 3n)]),
      scans$: EMPTY
    })
    expect(await lastValueFrom(out$.pipe(toArray()))).toEqual([gone(2n), gone(9n), gone(3n)])
    expect(log).toEqual(['translate 1', 'translate 2', 'roots', 'scan', 'translate 3'])
  })

  it.each(['scan', 'followRoots'] as const)('go on after a scan that fails: %s', async (failing) => {
    const { log, kubepods, followRoots, ...parts } = node()
    const steps = { scan: vi.fn(kubepods.scan), followRoots: vi.fn(followRoots) }
    steps[failing].mockRejectedValueOnce(new Error('no cgroup2'))
    const out$ = followProcesses({
      ...parts,
      kubepods: { ...kubepods, scan: steps.scan },
      followRoots: steps.followRoots,
      events$: EMPTY,
      scans$: of(1, 2)
    })
    expect(await lastValueFrom(out$.pipe(toArray()))).toEqual([gone(9n)])
    expect(log).toContain('Error: no cgroup2')
  })
})
