// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { Turns } from '../lib/turns.ts'

describe('turns', () => {
  it('begins at once while there are some, and the rest in order as others end', async () => {
    const turns = new Turns(2)
    const begun: number[] = []
    const works = [0, 1, 2, 3].map(() => Promise.withResolvers<void>())
    const ends = works.map(({ promise }, index) =>
      turns.take(() => {
        begun.push(index)
        return promise
      })
    )
    expect(begun).toEqual([0, 1])
    works[1]?.resolve()
    await ends[1]
    await expect.poll(() => begun).toEqual([0, 1, 2])
    works[0]?.resolve()
    await ends[0]
    await expect.poll(() => begun).toEqual([0, 1, 2, 3])
  })

  it('goes on after a failure', async () => {
    const turns = new Turns(1)
    const failing = turns.take(() => Promise.reject(new Error('no')))
    const next = turns.take(async () => 'yes')
    await expect(failing).rejects.toThrow('no')
    expect(await next).toBe('yes')
    expect(await turns.take(async () => 'again')).toBe('again')
  })
})
