// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Layout, type LayoutType, sizeOf } from '../lib/layout.ts'
import { failure } from './fixture.ts'

const int = (size: number, signed: boolean): LayoutType => ({
  kind: 'int',
  name: `int${size * 8}`,
  size,
  signed
})

/** Lays members out one after another, as a packed struct. */
function struct(name: string, ...members: [string, LayoutType][]): LayoutType {
  let size = 0
  const placed = members.map(([member, type]) => {
    const offset = size
    size += sizeOf(type)
    return { name: member, offset, type }
  })
  return { kind: 'struct', name, size, members: placed }
}

const POD = struct(
  'pod',
  ['version', int(1, false)],
  ['pad', int(1, false)],
  ['port', int(2, false)],
  ['delta', int(4, true)],
  ['since', int(8, false)],
  ['name', { kind: 'char-array', length: 8 }],
  ['ip', { kind: 'array', length: 2, element: int(4, false) }]
)
const VALUE = { version: 1, port: 443, delta: -2, since: 7n, name: 'web', ip: [1, 2] }

/** A type with the values that survive a round trip through it. */
interface Sample {
  type: LayoutType
  value: fc.Arbitrary<unknown>
}

function integerSample(size: number, signed: boolean): Sample {
  const bits = size * 8
  const min = signed ? -(2n ** BigInt(bits - 1)) : 0n
  const max = signed ? 2n ** BigInt(bits - 1) - 1n : 2n ** BigInt(bits) - 1n
  const value = size === 8 ? fc.bigInt(min, max) : fc.integer({ min: Number(min), max: Number(max) })
  return { type: int(size, signed), value }
}

const integers = fc
  .tuple(fc.constantFrom(1, 2, 4, 8), fc.boolean())
  .map(([size, signed]) => integerSample(size, signed))
const enums = fc.constant<Sample>({
  type: { kind: 'enum', name: 'verdict', size: 4, values: { NONE: -1, PASS: 1 } },
  value: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
})
const strings = fc.integer({ min: 1, max: 40 }).map((length): Sample => {
  const fits = (text: string) => !text.includes('\0') && Buffer.byteLength(text) < length
  const value = fc.string({ unit: 'binary', maxLength: length - 1 }).map((text) => {
    let cut = text.replaceAll('\0', '')
    while (!fits(cut)) cut = Array.from(cut).slice(0, -1).join('')
    return cut
  })
  return { type: { kind: 'char-array', length }, value }
})

const samples: fc.Arbitrary<Sample> = fc.letrec<{ any: Sample; array: Sample; struct: Sample }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    integers,
    enums,
    strings,
    tie('array'),
    tie('struct')
  ),
  array: fc.tuple(tie('any'), fc.integer({ min: 0, max: 5 })).map(([element, length]) => ({
    type: { kind: 'array', length, element: element.type },
    value: fc.array(element.value, { minLength: length, maxLength: length })
  })),
  struct: fc.array(tie('any'), { maxLength: 4 }).map((members) => ({
    type: struct('s', ...members.map(({ type }, i): [string, LayoutType] => [`m${i}`, type])),
    value: fc.record(Object.fromEntries(members.map(({ value }, i) => [`m${i}`, value])))
  }))
})).any

describe('layout', () => {
  it('decodes what it encoded, for any type and value', () => {
    const cases = samples.chain(({ type, value }) => fc.tuple(fc.constant(type), value))
    fc.assert(
      fc.property(cases, fc.nat(16), ([type, value], offset) => {
        const layout = new Layout(type)
        const bytes = layout.encode(value)
        expect(bytes.length).toBe(layout.size)
        const shifted = new Uint8Array(offset + bytes.length)
        shifted.set(bytes, offset)
        expect(structuredClone(layout.decode(shifted, offset))).toEqual(structuredClone(value))
      })
    )
  })

  it('encodes again what it decoded, byte by byte', () => {
    const layout = new Layout(struct('raw', ['a', int(8, true)], ['b', int(2, true)], ['c', int(4, false)]))
    fc.assert(
      fc.property(fc.uint8Array({ minLength: layout.size, maxLength: layout.size }), (bytes) => {
        expect(layout.encode(layout.decode(bytes))).toEqual(bytes)
      })
    )
  })

  it('places members where the type says', () => {
    const bytes = new Layout(POD).encode(VALUE)
    const view = new DataView(bytes.buffer)
    expect([bytes[0], view.getUint16(2, true), view.getInt32(4, true), view.getBigUint64(8, true)]).toEqual([
      1,
      443,
      -2,
      7n
    ])
    expect(Buffer.from(bytes.subarray(16, 24)).toString('latin1')).toBe('web\0\0\0\0\0')
  })

  it('leaves padding out and writes it as zero', () => {
    const layout = new Layout(POD)
    const bytes = layout.encode(VALUE)
    expect(bytes[1]).toBe(0)
    bytes[1] = 9
    expect(layout.decode(bytes)).toEqual(VALUE)
  })

  it.each([
    ['abcdefgh', 8, 'abcdefg'],
    ['abcdefé', 8, 'abcdef'],
    ['ab😀', 6, 'ab'],
    ['ab😀', 7, 'ab😀'],
    ['x', 1, ''],
    ['\ufeffab', 8, '\ufeffab'],
    ['', 4, '']
  ])('cuts %j to char[%i] as %j', (text, length, cut) => {
    const layout = new Layout({ kind: 'char-array', length })
    expect(layout.decode(layout.encode(text))).toBe(cut)
  })

  it('reads a char array without a NUL to its end', () => {
    expect(new Layout({ kind: 'char-array', length: 3 }).decode(Buffer.from('abc'))).toBe('abc')
  })

  it('takes a safe integer for a 64-bit member', () => {
    const layout = new Layout(int(8, true))
    expect(layout.decode(layout.encode(-5))).toBe(-5n)
  })

  it.each<[string, unknown, string]>([
    [
      'a number that is too large',
      { ...VALUE, version: 256 },
      'integer from 0 to 255 for pod.version but received 256'
    ],
    ['a negative number', { ...VALUE, since: -1n }, 'for pod.since'],
    ['a fraction', { ...VALUE, port: 1.5 }, 'for pod.port'],
    ['a string for a number', { ...VALUE, delta: '1' }, "for pod.delta but received '1' of type string"],
    ['a number for a string', { ...VALUE, name: 1 }, 'a string for pod.name'],
    ['a short array', { ...VALUE, ip: [1] }, 'an array of 2 elements for pod.ip'],
    ['a wrong element', { ...VALUE, ip: [1, null] }, 'for pod.ip[1]'],
    ['a missing member', { ...VALUE, port: undefined }, 'for pod.port'],
    ['an unknown member', { ...VALUE, prot: 1 }, "a member of pod for pod but received 'prot'"],
    ['null', null, 'an object for pod'],
    ['an array for a struct', [], 'an object for pod']
  ])('refuses %s', (_, value, message) => {
    expect(failure(() => new Layout(POD).encode(value), 'EINVALID_ARGUMENT').message).toContain(message)
  })

  it.each([-1, 1, 0.5, Number.NaN])(
    'refuses to decode at offset %s of a buffer that is just large enough',
    (offset) => {
      const layout = new Layout(POD)
      failure(() => layout.decode(new Uint8Array(layout.size), offset), 'EINVALID_ARGUMENT')
    }
  )
})
