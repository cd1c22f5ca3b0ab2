// SPDX-License-Identifier: Apache-2.0
import { NEVER, Subject } from 'rxjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Retirement } from '../../agent/retirement.ts'
import type { PodState } from '../../pods/state.ts'
import type { SourceEvent } from '../../sources/source.ts'
import { pod, podState } from '../pods/pods.ts'

const DRAIN_MS = 30_000

const log = { info: vi.fn(), warn: vi.fn() }

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
  vi.clearAllMocks()
})

/** @param states one after the other, looked at; the last one stays */
async function complete(...states: PodState[]): Promise<{ took: number }> {
  const retirement = new Retirement({ name: 'kubernetes', events$: NEVER })
  const began = Date.now()
  const completed = retirement.complete(
    () => [states.length > 1 ? (states.shift() as PodState) : (states[0] as PodState)],
    DRAIN_MS,
    log
  )
  const end = completed.then(() => ({ took: Date.now() - began }))
  await vi.advanceTimersByTimeAsync(60_000)
  return end
}

const leaving = podState({ phase: 'leaving', pod: pod() })
const outside = podState({ phase: 'outside', pod: pod() })

describe('a retirement', () => {
  it('is one fact of the source more, after which the source goes on', async () => {
    const events$ = new Subject<SourceEvent>()
    const retirement = new Retirement({ name: 'kubernetes', events$ })
    const told: string[] = []
    retirement.source.events$.subscribe(({ kind }) => told.push(kind))
    events$.next({ kind: 'synced' })
    await retirement.complete(() => [outside], DRAIN_MS, log)
    events$.next({ kind: 'pod-gone', uid: 'u1' })
    expect(told).toEqual(['synced', 'retired', 'pod-gone'])
  })

  it('waits until no pod is leaving any more', async () => {
    const { took } = await complete(leaving, leaving, leaving, outside)
    expect(took).toBeGreaterThan(0)
    expect(took).toBeLessThan(1_000)
    expect(log.warn).not.toHaveBeenCalled()
  })

  it('waits no longer than connections may take to end, and names the pods that are late', async () => {
    const { took } = await complete(leaving)
    expect(took).toBe(DRAIN_MS + 5_000)
    expect(log.warn).toHaveBeenCalledWith({ pods: ['shop/cart'] }, expect.any(String))
  })
})
