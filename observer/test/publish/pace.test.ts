// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Pace } from '../../publish/pace.ts'

beforeEach(() => {
  vi.useFakeTimers()
  return () => vi.useRealTimers()
})

let pace: Pace
afterEach(() => pace.close())

const paced = (atOnce: number, burst: number, perSecond: number) => {
  pace = new Pace({ atOnce, burst, perSecond, now: Date.now })
  return pace
}

describe('work at a pace', () => {
  it('begins at once, so much as the burst allows, and then as the seconds pass', async () => {
    const began: number[] = []
    const start = Date.now()
    const slow = paced(100, 2, 10)
    for (let i = 0; i < 5; i++) {
      slow.run(async () => {
        began.push(Date.now() - start)
      })
    }
    expect(began).toEqual([0, 0])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(began).toEqual([0, 0, 100, 200, 300])
  })

  it('waits for what is under way', async () => {
    const ends: (() => void)[] = []
    const two = paced(2, 100, 100)
    for (let i = 0; i < 3; i++) two.run(() => new Promise((resolve) => ends.push(resolve)))
    expect([ends.length, two.waiting]).toEqual([2, 1])
    ends[0]?.()
    await vi.advanceTimersByTimeAsync(0)
    expect([ends.length, two.waiting]).toEqual([3, 0])
  })

  it('never begins once it is closed', async () => {
    const work = vi.fn(async () => undefined)
    const slow = paced(1, 1, 1)
    slow.run(work)
    slow.run(work)
    slow.close()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(work).toHaveBeenCalledTimes(1)
  })

  it('does not save up more than a burst', async () => {
    const began: number[] = []
    const slow = paced(100, 2, 10)
    await vi.advanceTimersByTimeAsync(60_000)
    for (let i = 0; i < 4; i++) slow.run(async () => void began.push(i))
    expect(began).toEqual([0, 1])
  })
})
