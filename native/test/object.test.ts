// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BpfMap } from '../lib/map.ts'
import { BpfObject, type LoadOptions } from '../lib/object.ts'
import { closing, failure, programPath, runNode, temporaryPins } from './fixture.ts'

const MAPS = programPath('maps')
const HOOKS = programPath('hooks')

function load(path: string, options?: LoadOptions): BpfObject {
  return closing(BpfObject.load(path, options))
}

describe('describing an object file', () => {
  const description = BpfObject.describe(MAPS)

  it('lists maps with their sizes and types', () => {
    const hash = description.maps.find(({ name }) => name === 'hash')
    expect(hash).toMatchObject({
      type: 'hash',
      keySize: 24,
      valueSize: 96,
      maxEntries: 20_000,
      internal: false
    })
    expect(hash?.keyType).toMatchObject({ kind: 'struct', name: 'point' })
  })

  it('lists programs with their sections', () => {
    expect(description.programs).toEqual([{ name: 'count', section: 'syscall', type: 'syscall' }])
  })

  it('lists the constants that can be set, and no others', () => {
    expect(description.knobs.map(({ name, size }) => [name, size])).toEqual([
      ['answer', 4],
      ['offset', 2],
      ['enabled', 1],
      ['origin', 24]
    ])
  })

  it('knows enumerators', () => {
    expect(description.types.colour).toMatchObject({
      kind: 'enum',
      values: { COLOUR_RED: 1, COLOUR_BLUE: 2 }
    })
  })

  it('keeps the types of a socket map, which the kernel does not', () => {
    const object = load(MAPS)
    expect(object.map('sockets').keyLayout.name).toBe('point')
  })
})

describe('loading an object', () => {
  it('sets constants', () => {
    const object = load(MAPS, { knobs: { answer: 100, offset: -50, enabled: 1 } })
    expect(object.program('count').testRun({}).retval).toBe(51)
  })

  it('leaves constants alone otherwise', () => {
    expect(load(MAPS).program('count').testRun({}).retval).toBe(39)
  })

  it('sizes maps', () => {
    expect(load(MAPS, { maxEntries: { small: 7 } }).map('small').info.maxEntries).toBe(7)
  })

  it('loads only the programs that are asked for', () => {
    const object = load(HOOKS, { programs: ['lookup'] })
    expect(object.program('lookup').type).toBe('sk_lookup')
    expect(failure(() => object.program('connect4'), 'EINVALID_ARGUMENT').message).toContain('was not loaded')
  })

  it('uses a given map instead of a new one', () => {
    const first = load(HOOKS, { programs: [] })
    const second = load(HOOKS, { programs: [], maps: { calls: first.map('calls') } })
    first.map<bigint, bigint>('calls').set(5n, 6n)
    expect(second.map('calls').get(5n)).toBe(6n)
  })

  it('gives the same handle for the same name', () => {
    const object = load(HOOKS, { programs: ['lookup'] })
    expect(object.map('calls')).toBe(object.map('calls'))
    expect(object.program('lookup')).toBe(object.program('lookup'))
  })

  it('makes a layout of any struct', () => {
    expect(load(MAPS).layout('entry').size).toBe(96)
  })
})

describe('pinning maps', () => {
  it('creates and pins named maps, never sections, and opens them the next time', () => {
    const pinMapsIn = join(temporaryPins(), 'v1')
    const first = BpfObject.load(HOOKS, { pinMapsIn, programs: ['lookup'] })
    first.map<bigint, bigint>('calls').set(1n, 11n)
    first.close()
    expect(readdirSync(pinMapsIn)).toEqual(['calls'])
    expect(
      load(HOOKS, { pinMapsIn, programs: ['lookup'] })
        .map('calls')
        .get(1n)
    ).toBe(11n)
  })

  it('names the map, both layouts and the remedy when the pinned one has another size', () => {
    const pinMapsIn = temporaryPins()
    load(HOOKS, { pinMapsIn, programs: [] })
    const { message } = failure(() => BpfObject.load(programPath('resized'), { pinMapsIn }), 'EBPF_MAP')
    expect(message).toContain('map calls does not match')
    expect(message).toContain('value 8 bytes')
    expect(message).toContain('wanted hash, key 8 bytes, value 16 bytes')
    expect(message).toContain('remove that file')
  })

  it('sees another number of entries', () => {
    const pinMapsIn = temporaryPins()
    load(HOOKS, { pinMapsIn, programs: [] })
    const options = { pinMapsIn, programs: [], maxEntries: { calls: 65 } }
    expect(failure(() => BpfObject.load(HOOKS, options), 'EBPF_MAP').message).toContain('65 entries')
  })

  it('sees other members of the same size', () => {
    const pinMapsIn = temporaryPins()
    load(programPath('resized'), { pinMapsIn })
    const { message } = failure(() => BpfObject.load(programPath('renamed'), { pinMapsIn }), 'EBPF_MAP')
    expect(message).toContain('struct wide { calls@0: u64, refused@8: u64 }')
    expect(message).toContain('struct wide { refused@0: u64, calls@8: u64 }')
  })

  it('takes the layouts of a pinned map from the kernel', () => {
    const pinMapsIn = temporaryPins()
    load(MAPS, { pinMapsIn })
    const hash = closing(BpfMap.openPinned(join(pinMapsIn, 'hash')))
    expect(hash.valueLayout.type).toEqual(BpfObject.describe(MAPS).types.entry)
  })

  it('refuses a reused map of another layout', () => {
    const small = load(MAPS).map('small')
    expect(failure(() => BpfObject.load(HOOKS, { maps: { calls: small } }), 'EBPF_MAP').message).toContain(
      'key 4 bytes'
    )
  })
})

describe('a load that fails', () => {
  function file(content: string | Buffer): string {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-native-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'x.bpf.o')
    writeFileSync(path, content)
    return path
  }

  it('says that the file is missing', () => {
    const error = failure(() => BpfObject.load('/nonexistent/x.bpf.o'), 'EBPF_OPEN')
    expect(error.message).toContain('/nonexistent/x.bpf.o')
    expect(error).toMatchObject({ errno: 2, syscall: 'open' })
  })

  it.each([
    ['empty', ''],
    ['text', 'hello '.repeat(100)],
    ['cut short', execFileSync('head', ['-c', '600', MAPS])]
  ])('says that the file is garbled: %s', (_, content) => {
    expect(failure(() => BpfObject.load(file(content)), 'EBPF_OPEN').message).toContain(
      'not a usable BPF object'
    )
  })

  it('gives the reason of the verifier in one line, and the log on request', () => {
    const error = failure(() => BpfObject.load(programPath('refused')), 'EBPF_VERIFIER')
    expect(error.message).toMatch(
      /^program unchecked: R0 invalid mem access 'map_value_or_null' \(\+\d+ lines in \.log\)$/
    )
    expect(error.log).toContain('R0 invalid mem access')
    expect(error.log?.split('\n').length).toBeGreaterThan(5)
    expect(Object.keys(error)).not.toContain('log')
  })

  it('leaves no map pinned behind', () => {
    const pinMapsIn = temporaryPins()
    failure(() => BpfObject.load(programPath('refused'), { pinMapsIn }), 'EBPF_VERIFIER')
    expect(readdirSync(pinMapsIn)).toEqual([])
  })

  const printError = `
    try { BpfObject.load(path('refused')) } catch (error) { console.log(error.code, error.message) }
  `

  it('prints nothing', async () => {
    const { stdout, stderr } = await runNode(printError)
    expect(stdout).toContain('EBPF_VERIFIER')
    expect(stderr).toBe('')
  })

  it('names the capabilities that are missing', async () => {
    const prefix = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']
    const { stdout } = await runNode(printError, { prefix })
    expect(stdout).toMatch(/SLUICE_NATIVE_EBPF_PERMISSION .*CAP_BPF.*CAP_NET_ADMIN/)
  })

  it.each<[string, LoadOptions, string]>([
    [
      'an unknown knob',
      { knobs: { answr: 1 } },
      "one of answer, offset, enabled, origin for knobs but received 'answr'"
    ],
    ['a knob out of range', { knobs: { offset: 40_000 } }, 'integer from -32768 to 32767 for knob offset'],
    ['a struct as knob', { knobs: { origin: 1 } }, 'an integer variable for knob origin'],
    ['an unknown map to size', { maxEntries: { none: 1 } }, "for maxEntries but received 'none'"],
    ['a size of zero', { maxEntries: { small: 0 } }, 'for maxEntries'],
    ['an unknown map to reuse', { maps: { none: undefined as never } }, "for maps but received 'none'"],
    ['an unknown program', { programs: ['none'] }, 'has no program none']
  ])('names %s', (_, options, message) => {
    expect(failure(() => BpfObject.load(MAPS, options), 'EINVALID_ARGUMENT').message).toContain(message)
  })
})
