// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { PodJournal } from '../../log/pod-journal.ts'

function journal() {
  const clock = { now: 0 }
  const lines: Record<string, unknown>[] = []
  const warn = (fields: object, sentence: string) => void lines.push({ ...fields, sentence })
  const made = new PodJournal({ warn } as never, () => clock.now)
  return { made, lines, clock }
}

describe('warnings about a pod', () => {
  it('are ten in ten seconds, and of the rest their number', () => {
    const { made, lines, clock } = journal()
    for (let i = 0; i < 1_000; i++) made.warn('shop/loop', { drift: 'rule' }, 'drift')
    expect(lines).toEqual(Array(10).fill({ pod: 'shop/loop', drift: 'rule', sentence: 'drift' }))
    clock.now = 9_999
    made.settle()
    expect(lines).toHaveLength(10)
    clock.now = 10_000
    made.settle()
    made.settle()
    expect(lines.slice(10)).toEqual([
      { pod: 'shop/loop', suppressed: 990, sentence: 'more was found in the pod than was told of' }
    ])
    made.warn('shop/loop', {}, 'drift')
    expect(lines).toHaveLength(12)
  })

  it('hide none about another', () => {
    const { made, lines } = journal()
    for (let i = 0; i < 1_000; i++) made.warn('shop/loop', {}, 'drift')
    made.warn('shop/cart', {}, 'drift')
    expect(lines.at(-1)).toMatchObject({ pod: 'shop/cart' })
  })

  it('of a few leave nothing to tell', () => {
    const { made, lines, clock } = journal()
    made.warn('shop/cart', {}, 'drift')
    clock.now = 60_000
    made.settle()
    expect(lines).toHaveLength(1)
  })
})
