// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { BpfObject } from '../lib/object.ts'
import { closing, failure, programPath } from './fixture.ts'
import { entry, type Point, point } from './map-values.ts'

function load(): BpfObject {
  return closing(BpfObject.load(programPath('maps')))
}

describe.each(['small', 'lru'])('a %s hash of integers', (name) => {
  const map = () => load().map<number, bigint>(name)

  it('gets what was set, and nothing for a missing key', () => {
    const small = map()
    small.set(1, 10n)
    expect([small.get(1), small.get(2)]).toEqual([10n, undefined])
  })

  it('tells a deleted key from a missing one', () => {
    const small = map()
    small.set(1, 10n)
    expect([small.delete(1), small.delete(1), small.get(1)]).toEqual([true, false, undefined])
  })

  it('honours the flags', () => {
    const small = map()
    expect(failure(() => small.set(1, 1n, 'exist'), 'EBPF_MAP').errno).toBe(2)
    small.set(1, 1n, 'noexist')
    expect(failure(() => small.set(1, 2n, 'noexist'), 'EBPF_MAP').errno).toBe(17)
    small.set(1, 3n, 'exist')
    expect(small.get(1)).toBe(3n)
  })

  it('lists keys and entries', () => {
    const small = map()
    small.setBatch([
      [1, 10n],
      [2, 20n]
    ])
    expect(small.keys().toSorted((a, b) => a - b)).toEqual([1, 2])
    expect(new Map(small.entries())).toEqual(
      new Map([
        [1, 10n],
        [2, 20n]
      ])
    )
  })

  it('deletes a batch with keys that are not there', () => {
    const small = map()
    small.setBatch([
      [1, 10n],
      [2, 20n],
      [3, 30n]
    ])
    expect(small.deleteBatch([9, 1, 8, 3, 7])).toBe(2)
    expect(small.keys()).toEqual([2])
  })

  it('takes empty batches', () => {
    const small = map()
    small.setBatch([])
    expect([small.deleteBatch([]), small.keys(), small.entries()]).toEqual([0, [], []])
  })
})

describe('a hash of structs', () => {
  const filled = () => {
    const map = load().map<Point, unknown>('hash')
    map.setBatch(Array.from({ length: 100 }, (_, n) => [{ ...point(n), id: BigInt(n % 4) }, entry(n)]))
    return map
  }

  it('lists the keys with one member, and no other', () => {
    const map = filled()
    const found = map.keysWith('id', 3n)
    expect(found).toHaveLength(25)
    expect(new Set(found.map(({ id, place }) => [id, (place[0] ?? 0) % 4].join()))).toEqual(new Set(['3,3']))
    expect(map.keysWith('place', [7, 0, 0, 0])).toEqual([{ ...point(7), id: 3n }])
    expect(map.keysWith('id', 4n)).toEqual([])
    failure(() => map.keysWith('nobody' as 'id', 4n), 'EINVALID_ARGUMENT')
  })

  it('lists keys in their bytes, and deletes them so', () => {
    const map = filled()
    const entries = map.encodedEntries()
    expect(new Map(entries.map(([key, value]) => [map.keyLayout.decode(key), value]))).toEqual(
      new Map(map.entries())
    )
    expect(map.deleteEncoded(entries.slice(10).map(([key]) => key))).toBe(90)
    expect(map.keys()).toHaveLength(10)
  })
})

describe('a full map', () => {
  it('says so, by name, with its size and a remedy', () => {
    const small = load().map<number, bigint>('small')
    for (let i = 0; i < 4; i++) small.set(i, 1n)
    const error = failure(() => small.set(4, 1n), 'EBPF_MAP_FULL')
    expect(error.message).toBe(
      'map small is full (4 entries): delete some, or load it with a larger maxEntries'
    )
    expect(error.errno).toBe(7)
    small.set(0, 2n)
    failure(
      () =>
        small.setBatch([
          [0, 3n],
          [5, 5n]
        ]),
      'EBPF_MAP_FULL'
    )
    expect(small.get(0)).toBe(3n)
  })
})

describe('a large hash of structs', () => {
  it('reads 12,000 entries in batches, each once', () => {
    const hash = load().map<Point, ReturnType<typeof entry>>('hash')
    hash.setBatch(Array.from({ length: 12_000 }, (_, i) => [point(i), entry(i)] as const))
    const entries = hash.entries()
    expect(entries.length).toBe(12_000)
    const byId = new Map(entries.map(([key, value]) => [key.id, value]))
    expect(byId.size).toBe(12_000)
    expect(byId.get(11_999n)).toEqual(entry(11_999))
    expect(hash.keys().length).toBe(12_000)
    expect(hash.deleteBatch(entries.map(([key]) => key))).toBe(12_000)
    expect(hash.entries()).toEqual([])
  })
})

describe('an array', () => {
  it('has all its elements from the start', () => {
    const array = load().map<number, ReturnType<typeof entry>>('array')
    array.set(3, entry(3))
    expect(array.entries().length).toBe(4)
    expect(array.get(3)).toEqual(entry(3))
    expect(array.get(0)).toMatchObject({ version: 0, name: '' })
  })

  it('says that an index is too large', () => {
    const array = load().map<number, unknown>('array')
    expect(failure(() => array.set(4, entry(4)), 'EBPF_MAP').message).toContain(
      'not below the 4 elements of array'
    )
    expect(array.get(4)).toBeUndefined()
  })
})

describe('per-CPU maps', () => {
  it.each([
    ['percpu_array', 0, 7],
    ['percpu_hash', 5, point(7)]
  ])('%s: has a value for each CPU', (name, key, value) => {
    const map = load().map(name)
    map.set(key, value)
    const values = map.getPerCpu(key)
    expect(values.length).toBeGreaterThan(0)
    expect(values.every((each) => JSON.stringify(each, bigints) === JSON.stringify(value, bigints))).toBe(
      true
    )
    failure(() => map.get(key), 'EINVALID_ARGUMENT')
    failure(() => map.entries(), 'EINVALID_ARGUMENT')
  })

  it('counts on the CPU that ran', () => {
    const object = load()
    for (let i = 0; i < 5; i++) object.program('count').testRun({})
    const values = object.map<number, number>('percpu_array').getPerCpu(0)
    expect(values.reduce((sum, value) => sum + value, 0)).toBe(5)
  })

  it('gives nothing for a missing key', () => {
    expect(load().map('percpu_hash').getPerCpu(1)).toEqual([])
  })

  it('refuses getPerCpu on other maps', () => {
    failure(() => load().map('small').getPerCpu(1), 'EINVALID_ARGUMENT')
  })
})

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
