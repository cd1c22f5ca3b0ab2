// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { Roots } from '../../agent/follow-roots.ts'
import { createLogger } from '../../log/logger.ts'
import type { CgroupRoot } from '../../processes/roots.ts'

const root = (id: bigint): CgroupRoot => ({ id, path: `/${id}`, level: 1, qos: 'guaranteed' })

/** A node on which each look finds the next of these; the last one stays. */
function node(...looks: readonly (readonly bigint[])[]) {
  const left = [...looks]
  const followed: bigint[][] = []
  const told: unknown[] = []
  const write = (line: string) => {
    const { msg, roots } = JSON.parse(line) as Record<string, unknown>
    told.push([msg, roots])
  }
  const roots = new Roots({
    kubepods: {
      refresh: async () => ((left.length > 1 ? left.shift() : left[0]) ?? []).map(root)
    },
    kernel: { follow: (found) => void followed.push(found.map(({ id }) => id)) },
    log: createLogger({ level: 'info', format: 'json' }, { write })
  })
  return { roots, followed, told }
}

describe('roots', () => {
  it('are looked for until no more come after the last were followed', async () => {
    const { roots, followed, told } = node([1n], [1n, 2n])
    expect(await roots.follow()).toBe(true)
    expect(followed).toEqual([[1n], [1n, 2n]])
    expect(told).toEqual([['pods are looked for', ['/1', '/2']]])
  })

  it('are told at the start where there are none', async () => {
    const { roots, followed, told } = node([])
    expect(await roots.follow()).toBe(true)
    expect(followed).toEqual([[]])
    expect(told).toEqual([['no kubepods yet', []]])
  })

  it('that are the same again are neither followed nor told', async () => {
    const { roots, followed, told } = node([1n, 2n], [1n, 2n], [2n, 1n])
    await roots.follow()
    expect(await roots.follow()).toBe(false)
    expect(followed).toHaveLength(1)
    expect(told).toHaveLength(1)
  })

  it.each<[string, bigint[], string]>([
    ['one more', [1n, 2n, 3n], 'pods are looked for'],
    ['one fewer', [1n], 'pods are looked for'],
    ['one made anew', [1n, 4n], 'pods are looked for'],
    ['none', [], 'no kubepods yet']
  ])('that change are told once: %s', async (_, later, msg) => {
    const { roots, followed, told } = node([1n, 2n], [1n, 2n], later)
    await roots.follow()
    expect(await roots.follow()).toBe(true)
    expect(await roots.follow()).toBe(false)
    expect(followed).toEqual([[1n, 2n], later])
    expect(told.slice(1)).toEqual([[msg, later.map((id) => `/${id}`)]])
  })

  it('whose hooks could not be attached are tried again', async () => {
    const attempts: number[] = []
    const roots = new Roots({
      kubepods: { refresh: async () => [root(1n)] },
      kernel: {
        follow: () => {
          attempts.push(1)
          if (attempts.length === 1) throw new Error('gone meanwhile')
        }
      },
      log: createLogger({ level: 'fatal', format: 'json' })
    })
    await expect(roots.follow()).rejects.toThrow('gone meanwhile')
    expect(await roots.follow()).toBe(true)
    expect(attempts).toHaveLength(2)
  })
})
