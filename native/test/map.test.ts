// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BpfMap } from '../lib/map.ts'
import { BpfObject } from '../lib/object.ts'
import { closing, failure, programPath, temporaryPins } from './fixture.ts'

interface Point {
  id: bigint
  place: number[]
}

const point = (n: number): Point => ({ id: BigInt(n), place: [n, 0, 0, 0] })
const entry = (n: number) => ({
  version: 1,
  small: -1,
  port: n % 65_536,
  delta: -n,
  big: BigInt(n),
  signed_big: -BigInt(n),
  colour: 2,
  name: `entry ${n}`,
  at: [point(n), point(n + 1)]
})

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
    expect(small.keys().sort()).toEqual([1, 2])
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

describe('a full map', () => {
  it('says so, by name, with its size and a remedy', () => {
    const small = load().map<number, bigint>('small')
    for (let i = 0; i < 4; i++) small.set(i, 1n)
    const error = failure(() => small.set(4, 1n), 'EBPF_MAP_FULL')
    expect(error.message).toBe('map small is full (4 entries): delete some, or load it with a larger maxEntries')
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
    expect(failure(() => array.set(4, entry(4)), 'EBPF_MAP').message).toContain('not below the 4 elements of array')
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
    expect(values.every((each) => JSON.stringify(each, bigints) === JSON.stringify(value, bigints))).toBe(true)
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

describe('socket maps', () => {
  async function socketFd(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = createConnection((server.address() as { port: number }).port, '127.0.0.1')
    await once(client, 'connect')
    onTestFinished(() => {
      client.destroy()
      server.close()
    })
    return (client as unknown as { _handle: { fd: number } })._handle.fd
  }

  it('stores a socket by its descriptor and lists its key', async () => {
    const sockets = load().map<Point, bigint>('sockets')
    sockets.setFd(point(1), await socketFd())
    expect(sockets.keys()).toEqual([point(1)])
    expect(sockets.get(point(1))).toBeGreaterThan(0n)
    expect([sockets.delete(point(1)), sockets.delete(point(1))]).toEqual([true, false])
  })

  it('refuses what is no socket', () => {
    const file = openSync('/dev/null', 'r')
    onTestFinished(() => closeSync(file))
    failure(() => load().map<Point, bigint>('sockets').setFd(point(1), file), 'EBPF_MAP')
  })

  it('reads and writes the storage of a socket', async () => {
    const store = load().map<number, Point>('sk_store')
    const fd = await socketFd()
    expect(store.get(fd)).toBeUndefined()
    store.set(fd, point(9))
    expect(store.get(fd)).toEqual(point(9))
    expect(store.delete(fd)).toBe(true)
    failure(() => store.keys(), 'EBPF_UNSUPPORTED')
  })
})

describe('pinned maps', () => {
  it('are opened by path with the layouts of the kernel', () => {
    const path = join(temporaryPins(), 'hash')
    const map = load().map<Point, unknown>('hash')
    map.set(point(1), entry(1))
    map.pin(path)
    map.close()
    const opened = closing(BpfMap.openPinned<Point, unknown>(path))
    expect(opened.info).toMatchObject({ name: 'hash', type: 'hash', keySize: 24, valueSize: 96, maxEntries: 20_000 })
    expect(opened.entries()).toEqual([[point(1), entry(1)]])
  })

  it('take types for a map whose types the kernel does not keep', () => {
    const path = join(temporaryPins(), 'sockets')
    const object = load()
    object.map('sockets').pin(path)
    expect(closing(BpfMap.openPinned(path)).keyLayout.type.kind).toBe('array')
    const { type } = object.map('sockets').keyLayout
    expect(closing(BpfMap.openPinned(path, { keyType: type })).keyLayout.name).toBe('point')
  })

  it.each(['/sys/fs/bpf/none-such', '/etc/passwd'])('cannot be opened at %s', (path) => {
    expect(failure(() => BpfMap.openPinned(path), 'EBPF_MAP').message).toContain(path)
  })

  it('need an empty place in a bpffs', () => {
    failure(() => load().map('small').pin('/tmp/sluice-native-no-bpffs'), 'EBPF_MAP')
  })
})
