// SPDX-License-Identifier: Apache-2.0
import { Subject } from 'rxjs'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { followRefusals } from '../../refusals/follow.ts'
import type { Refusal } from '../../refusals/refusal.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function followed(more: readonly boolean[]) {
  const refusals = new Subject<readonly Refusal[]>()
  const answers = [...more]
  const journal = { hear: vi.fn(), settle: vi.fn(() => answers.shift() ?? false) }
  const subscription = followRefusals(refusals, journal).subscribe()
  return { refusals, journal, subscription }
}

it('settles nothing while nobody is refused', () => {
  const { journal } = followed([])
  vi.advanceTimersByTime(60_000)
  expect(journal.settle).not.toHaveBeenCalled()
  expect(vi.getTimerCount()).toBe(0)
})

it('settles every 2 s until there is no more, and begins again', () => {
  const { refusals, journal } = followed([true, true, false])
  refusals.next([])
  refusals.next([])
  expect(journal.hear).toHaveBeenCalledTimes(2)
  vi.advanceTimersByTime(60_000)
  expect(journal.settle).toHaveBeenCalledTimes(3)
  refusals.next([])
  vi.advanceTimersByTime(2_000)
  expect(journal.settle).toHaveBeenCalledTimes(4)
})

it('settles no more when it is let go', () => {
  const { refusals, journal, subscription } = followed([true, true])
  refusals.next([])
  subscription.unsubscribe()
  vi.advanceTimersByTime(10_000)
  expect(journal.settle).not.toHaveBeenCalled()
})
