// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { delayMs } from '../../kubernetes/backoff.ts'
import { ApiFailure } from '../../kubernetes/failure.ts'
import { Lines } from '../../kubernetes/lines.ts'

const backoff = (random: number) => ({ firstMs: 100, lastMs: 1_000, random: () => random })

it.each([
  [0, 0, 50],
  [0, 1, 100],
  [1, 1, 200],
  [2, 0.5, 300],
  [3, 1, 800],
  [4, 1, 1_000],
  [4, 0, 500],
  [5_000, 1, 1_000]
])('after %i failures, with %d of chance, %i ms pass', (failures, random, expected) => {
  expect(delayMs(backoff(random), failures)).toBe(expected)
})

it('what the server asks for is the least, and the agents still come apart', () => {
  const asked = new ApiFailure(429, 'later', { retryAfterMs: 5_000 })
  expect(delayMs(backoff(0), 0, asked)).toBe(5_050)
  expect(delayMs(backoff(1), 0, asked)).toBe(5_100)
})

it('lines are the same wherever their text is cut', () => {
  const line = fc.string().map((text) => text.replaceAll('\n', ' '))
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(20)), (lines, cuts) => {
      let rest = lines.map((each) => `${each}\n`).join('')
      const splitter = new Lines()
      const taken: string[] = []
      for (const cut of cuts) {
        taken.push(...splitter.take(rest.slice(0, cut)))
        rest = rest.slice(cut)
      }
      taken.push(...splitter.take(rest))
      expect(taken).toEqual(lines.filter((each) => each !== ''))
    })
  )
})
