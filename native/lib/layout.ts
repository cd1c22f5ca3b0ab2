// SPDX-License-Identifier: Apache-2.0

import { invalidArgument } from './error.ts'
import { compileDecoder, compileEncoder, type Decoder, type Encoder } from './layout-codec.ts'

/** What BTF says about a type. Sizes, offsets and lengths in bytes, except `length`: elements. */
export type LayoutType =
  | { kind: 'int'; name: string; size: number; signed: boolean }
  | { kind: 'enum'; name: string; size: number; values: Record<string, number> }
  | {
      kind: 'struct'
      name: string
      size: number
      members: { name: string; offset: number; type: LayoutType }[]
    }
  | { kind: 'array'; length: number; element: LayoutType }
  | { kind: 'char-array'; length: number }

export function sizeOf(type: LayoutType): number {
  if (type.kind === 'array') return type.length * sizeOf(type.element)
  return type.kind === 'char-array' ? type.length : type.size
}

/** Bytes without BTF: an unsigned integer where the size allows it, else an array of bytes. */
export function opaqueType(size: number): LayoutType {
  const byte: LayoutType = { kind: 'int', name: 'unsigned char', size: 1, signed: false }
  if (size === 2 || size === 4 || size === 8) return { kind: 'int', name: 'opaque', size, signed: false }
  return size === 1 ? byte : { kind: 'array', length: size, element: byte }
}

/**
 * Turns values into the bytes of a C type and back, in the byte order of this machine.
 *
 * Integers up to 32 bits are numbers, of 64 bits bigints (a safe integer is accepted too); structs are plain objects
 * with every member, except those named `pad*`, which are written as zero; `char[N]` is a string, cut at a character
 * boundary where it is longer than N - 1 bytes of UTF-8; other arrays are arrays; enums are numbers. A value that does
 * not fit throws EINVALID_ARGUMENT with the member's path.
 */
export class Layout {
  readonly name: string
  readonly size: number
  readonly type: LayoutType
  readonly #encode: Encoder
  readonly #decode: Decoder

  constructor(type: LayoutType) {
    this.type = type
    this.size = sizeOf(type)
    this.name = 'name' in type ? type.name : type.kind
    this.#encode = compileEncoder(type)
    this.#decode = compileDecoder(type)
  }

  /** Where a member of a struct lies in its bytes, and what is there. */
  member(name: string): { readonly offset: number; readonly layout: Layout } {
    const found =
      this.type.kind === 'struct' ? this.type.members.find((each) => each.name === name) : undefined
    if (found === undefined) throw invalidArgument(`a member of ${this.name}`, 'name', name)
    return { offset: found.offset, layout: new Layout(found.type) }
  }

  encode(value: unknown): Uint8Array {
    const bytes = new Uint8Array(this.size)
    this.#encode(new DataView(bytes.buffer), 0, value, this.name)
    return bytes
  }

  /** `offset`: where in `bytes` the value begins. */
  decode(bytes: Uint8Array, offset = 0): unknown {
    if (!(bytes instanceof Uint8Array)) throw invalidArgument('a Uint8Array', 'bytes', bytes)
    if (!Number.isInteger(offset) || offset < 0 || offset + this.size > bytes.byteLength) {
      throw invalidArgument(
        `an offset that leaves ${this.size} of ${bytes.byteLength} bytes`,
        'offset',
        offset
      )
    }
    return this.#decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset)
  }
}
