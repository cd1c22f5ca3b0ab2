// SPDX-License-Identifier: Apache-2.0
import { endianness } from 'node:os'
import { invalidArgument } from './error.ts'
import { type LayoutType, sizeOf } from './layout.ts'

/** Writes `value` at `offset`; `path` names it in errors. */
export type Encoder = (view: DataView, offset: number, value: unknown, path: string) => void
export type Decoder = (view: DataView, offset: number) => unknown

const LITTLE = endianness() === 'LE'
const ENCODER = new TextEncoder()
const DECODER = new TextDecoder('utf-8', { ignoreBOM: true })

type Integer = { size: number; signed: boolean }

function integerOf(type: LayoutType & { kind: 'int' | 'enum' }): Integer {
  if (type.kind === 'int') return type
  return { size: type.size, signed: Object.values(type.values).some((value) => value < 0) }
}

function isPadding(name: string): boolean {
  return name.startsWith('pad')
}

function range({ size, signed }: Integer): { min: bigint; max: bigint } {
  const bits = BigInt(size * 8)
  return signed
    ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n }
    : { min: 0n, max: (1n << bits) - 1n }
}

function integerEncoder(integer: Integer): Encoder {
  const { min, max } = range(integer)
  const fits = (value: unknown): value is number | bigint =>
    (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) &&
    value >= min &&
    value <= max
  return (view, offset, value, path) => {
    if (!fits(value)) throw invalidArgument(`an integer from ${min} to ${max}`, path, value)
    // Two's complement: the unsigned setters store negative values too.
    if (integer.size === 8) view.setBigUint64(offset, BigInt(value), LITTLE)
    else if (integer.size === 4) view.setUint32(offset, Number(value), LITTLE)
    else if (integer.size === 2) view.setUint16(offset, Number(value), LITTLE)
    else view.setUint8(offset, Number(value))
  }
}

function integerDecoder({ size, signed }: Integer): Decoder {
  switch (size) {
    case 8:
      return signed ? (v, o) => v.getBigInt64(o, LITTLE) : (v, o) => v.getBigUint64(o, LITTLE)
    case 4:
      return signed ? (v, o) => v.getInt32(o, LITTLE) : (v, o) => v.getUint32(o, LITTLE)
    case 2:
      return signed ? (v, o) => v.getInt16(o, LITTLE) : (v, o) => v.getUint16(o, LITTLE)
    default:
      return signed ? (v, o) => v.getInt8(o) : (v, o) => v.getUint8(o)
  }
}

function charArrayEncoder(length: number): Encoder {
  return (view, offset, value, path) => {
    if (typeof value !== 'string') throw invalidArgument('a string', path, value)
    if (length > 1)
      ENCODER.encodeInto(value, new Uint8Array(view.buffer, view.byteOffset + offset, length - 1))
  }
}

function charArrayDecoder(length: number): Decoder {
  return (view, offset) => {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, length)
    const end = bytes.indexOf(0)
    return DECODER.decode(end < 0 ? bytes : bytes.subarray(0, end))
  }
}

function structEncoder(type: LayoutType & { kind: 'struct' }): Encoder {
  const members = type.members
    .filter(({ name }) => !isPadding(name))
    .map((member) => ({ ...member, encode: compileEncoder(member.type) }))
  const names = new Set(members.map(({ name }) => name))
  return (view, offset, value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalidArgument('an object', path, value)
    }
    const object = value as Record<string, unknown>
    const stranger = Object.keys(object).find((name) => !names.has(name))
    if (stranger !== undefined) throw invalidArgument(`a member of ${type.name}`, path, stranger)
    for (const { name, offset: at, encode } of members)
      encode(view, offset + at, object[name], `${path}.${name}`)
  }
}

function structDecoder(type: LayoutType & { kind: 'struct' }): Decoder {
  const members = type.members
    .filter(({ name }) => !isPadding(name))
    .map((member) => ({ ...member, decode: compileDecoder(member.type) }))
  return (view, offset) => {
    const object: Record<string, unknown> = {}
    for (const { name, offset: at, decode } of members) object[name] = decode(view, offset + at)
    return object
  }
}

function arrayEncoder(length: number, element: LayoutType): Encoder {
  const encode = compileEncoder(element)
  const stride = sizeOf(element)
  return (view, offset, value, path) => {
    const items = value instanceof Uint8Array ? [...value] : value
    if (!Array.isArray(items) || items.length !== length) {
      throw invalidArgument(`an array of ${length} elements`, path, value)
    }
    for (let i = 0; i < length; i++) encode(view, offset + i * stride, items[i], `${path}[${i}]`)
  }
}

function arrayDecoder(length: number, element: LayoutType): Decoder {
  const decode = compileDecoder(element)
  const stride = sizeOf(element)
  return (view, offset) => Array.from({ length }, (_, i) => decode(view, offset + i * stride))
}

export function compileEncoder(type: LayoutType): Encoder {
  switch (type.kind) {
    case 'int':
    case 'enum':
      return integerEncoder(integerOf(type))
    case 'char-array':
      return charArrayEncoder(type.length)
    case 'struct':
      return structEncoder(type)
    case 'array':
      return arrayEncoder(type.length, type.element)
  }
}

export function compileDecoder(type: LayoutType): Decoder {
  switch (type.kind) {
    case 'int':
      return integerDecoder(type)
    case 'enum': {
      const decode = integerDecoder(integerOf(type))
      return (view, offset) => Number(decode(view, offset))
    }
    case 'char-array':
      return charArrayDecoder(type.length)
    case 'struct':
      return structDecoder(type)
    case 'array':
      return arrayDecoder(type.length, type.element)
  }
}
