// SPDX-License-Identifier: Apache-2.0

import { endianness } from 'node:os'

/** struct addr as text: IPv4 out of ::ffff:a.b.c.d; undefined for all zero, which means none. */
export function addressText({ word }: { readonly word: readonly number[] }): string | undefined {
  const bytes = Buffer.alloc(16)
  // The words hold network order as it lies in memory, and BTF decodes them in the host's.
  for (const [index, value] of word.entries()) {
    if (endianness() === 'LE') bytes.writeUInt32LE(value, index * 4)
    else bytes.writeUInt32BE(value, index * 4)
  }
  if (bytes.every((byte) => byte === 0)) return undefined
  if (bytes.subarray(0, 12).equals(MAPPED)) return bytes.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  // URL writes IPv6 as RFC 5952 asks.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex')
