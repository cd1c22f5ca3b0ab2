// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Visits } from '../../agent/visits.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Each visit takes `duration` ms, and `onVisit` sees it begin. */
function visited(duration: number, onVisit: (uid: string, visits: Visits) => void = () => undefined) {
  const begun: string[] = []
  const visits: Visits = new Visits(async (uid) => {
    begun.push(uid)
    onVisit(uid, visits)
    await new Promise((resolve) => setTimeout(resolve, duration))
  }, Date.now)
  return { visits, begun }
}

describe('a pod that changes during each visit', () => {
  it('is visited ten times at once, and ten times a second', async () => {
    const { visits, begun } = visited(1, (uid, each) => void each.make(uid))
    void visits.make('loop')
    await vi.advanceTimersByTimeAsync(50)
    expect(begun).toHaveLength(10)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(begun.length).toBeGreaterThan(100)
    expect(begun.length).toBeLessThanOrEqual(112)
  })

  it('takes no visit from another', async () => {
    const { visits, begun } = visited(1, (uid, each) => {
      if (uid === 'loop') void each.make(uid)
    })
    void visits.make('loop')
    await vi.advanceTimersByTimeAsync(1_000)
    void visits.make('other')
    expect(begun.at(-1)).toBe('loop')
    await vi.advanceTimersByTimeAsync(0)
    expect(begun.at(-1)).toBe('other')
  })

  it('keeps whoever asks waiting for one visit at most', async () => {
    const { visits } = visited(1, (uid, each) => void each.make(uid))
    void visits.make('loop')
    await vi.advanceTimersByTimeAsync(1_000)
    const asked = vi.fn()
    void visits.make('loop').then(asked)
    await vi.advanceTimersByTimeAsync(0)
    expect(asked).toHaveBeenCalledOnce()
  })
})

it('a change while the pod waits for its turn is seen by the visit that it waits for', async () => {
  const { visits, begun } = visited(0)
  for (let i = 0; i < 10; i++) {
    void visits.make('pod')
    await vi.advanceTimersByTimeAsync(0)
  }
  void visits.make('pod')
  void visits.make('pod')
  await vi.advanceTimersByTimeAsync(0)
  expect(begun).toHaveLength(10)
  await vi.advanceTimersByTimeAsync(5_000)
  expect(begun).toHaveLength(11)
})

it('a pod that is let alone has all its visits again', async () => {
  const { visits, begun } = visited(0)
  for (let round = 1; round <= 3; round++) {
    for (let i = 0; i < 10; i++) {
      void visits.make('pod')
      await vi.advanceTimersByTimeAsync(0)
    }
    expect(begun).toHaveLength(10 * round)
    await vi.advanceTimersByTimeAsync(1_000)
    visits.tidy()
  }
})
