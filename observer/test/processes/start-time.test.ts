// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { startTimeOf } from '../../processes/start-time.ts'

function stat(command: string, startTime: number): string {
  const before = Array.from({ length: 19 }, (_, index) => (index === 0 ? 'S' : String(index)))
  return `42 (${command}) ${before.join(' ')} ${startTime} 1000 2000 0\n`
}

describe('the start time of a process', () => {
  it.each(['sh', 'a b', ':-) (', ') 1 2 3 4', ''])('is found behind the command %j', (command) => {
    expect(startTimeOf(stat(command, 123_456))).toBe(123_456n)
  })

  it('is found behind any command', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), fc.nat(), (command, time) => {
        expect(startTimeOf(stat(command, time))).toBe(BigInt(time))
      })
    )
  })

  it('of this very process is read', () => {
    expect(startTimeOf(readFileSync('/proc/self/stat', 'latin1'))).toBeGreaterThan(0n)
  })

  it('is none where there is no such number, whatever the text', () => {
    expect(startTimeOf(undefined)).toBeUndefined()
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(startTimeOf(text) ?? 0n).toBeGreaterThanOrEqual(0n)
      })
    )
  })
})
