// SPDX-License-Identifier: Apache-2.0

import { expect, it } from 'vitest'
import { RepeatLimiter } from '../../log/repeats.ts'

function limiter(maxKeys?: number) {
  const clock = { now: 0 }
  return { clock, limiter: new RepeatLimiter(1000, () => clock.now, maxKeys) }
}

it('lets the first of each key through', () => {
  const { limiter: repeats } = limiter()
  expect(repeats.admit('a')).toEqual({ suppressed: 0 })
  expect(repeats.admit('b')).toEqual({ suppressed: 0 })
})

it('keeps repetitions back until the interval is over, and then says how many', () => {
  const { clock, limiter: repeats } = limiter()
  repeats.admit('a')
  clock.now = 999
  expect([repeats.admit('a'), repeats.admit('a')]).toEqual([undefined, undefined])
  clock.now = 1000
  expect(repeats.admit('a')).toEqual({ suppressed: 2 })
  clock.now = 1500
  expect(repeats.admit('a')).toBeUndefined()
  clock.now = 2000
  expect(repeats.admit('a')).toEqual({ suppressed: 1 })
})

it('forgets the key that was let through longest ago when it knows too many', () => {
  const { limiter: repeats } = limiter(2)
  for (const key of ['a', 'b', 'c']) repeats.admit(key)
  expect(repeats.admit('b')).toBeUndefined()
  expect(repeats.admit('a')).toEqual({ suppressed: 0 })
})
