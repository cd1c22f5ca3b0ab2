// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { Errands } from '../../reconcile/errands.ts'

/** Work that ends when it is told to, and writes down what happens to it. */
function work(name: string, log: string[]) {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    end: resolve,
    run: async (signal: AbortSignal) => {
      log.push(`${name} begins${signal.aborted ? ' called off' : ''}`)
      signal.addEventListener('abort', () => log.push(`${name} is called off`))
      await promise
      log.push(`${name} ends`)
    }
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('errands', () => {
  it('of one pod run one at a time, and a later one calls the earlier off', async () => {
    const log: string[] = []
    const errands = new Errands()
    const [first, second] = [work('first', log), work('second', log)]
    errands.run('u1', first.run)
    await turn()
    errands.run('u1', second.run)
    await turn()
    expect(log).toEqual(['first begins', 'first is called off'])
    first.end()
    await turn()
    expect(log.slice(2)).toEqual(['first ends', 'second begins'])
    second.end()
    await turn()
    expect(errands.busy).toBe(0)
  })

  it('that wait in between are told at once that they are called off', async () => {
    const log: string[] = []
    const errands = new Errands()
    const works = ['first', 'second', 'third'].map((name) => work(name, log))
    for (const { run } of works) errands.run('u1', run)
    for (const { end } of works) end()
    await turn()
    expect(log).toEqual([
      'first begins called off',
      'first ends',
      'second begins called off',
      'second ends',
      'third begins',
      'third ends'
    ])
  })

  it('of different pods run side by side', async () => {
    const log: string[] = []
    const errands = new Errands()
    for (const uid of ['u1', 'u2']) errands.run(uid, work(uid, log).run)
    await turn()
    expect(log).toEqual(['u1 begins', 'u2 begins'])
    expect(errands.busy).toBe(2)
  })

  it('are all called off and waited for on close', async () => {
    const log: string[] = []
    const errands = new Errands()
    const works = ['u1', 'u2'].map((uid) => work(uid, log))
    for (const [index, { run }] of works.entries()) errands.run(`u${index}`, run)
    await turn()
    let closed = false
    const closing = errands.close().then(() => {
      closed = true
    })
    await turn()
    expect(log).toContain('u1 is called off')
    expect(log).toContain('u2 is called off')
    expect(closed).toBe(false)
    for (const { end } of works) end()
    await closing
    expect(closed).toBe(true)
  })
})
