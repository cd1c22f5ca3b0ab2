// SPDX-License-Identifier: Apache-2.0

import type { Tuple } from '#contract'
import { Layout, type LayoutType } from '#native'
import { MemoryMap } from './memory-map.ts'

const u = (size: number) => ({ kind: 'int', name: 'u', size, signed: false }) as const
const ADDR: LayoutType = {
  kind: 'struct',
  name: 'addr',
  size: 16,
  members: [{ name: 'word', offset: 0, type: { kind: 'array', length: 4, element: u(4) } }]
}
/** As in the kernel: the namespace, then what a record of the native operation has. */
export const TUPLE = new Layout({
  kind: 'struct',
  name: 'tuple',
  size: 48,
  members: [
    { name: 'netns', offset: 0, type: u(8) },
    { name: 'src', offset: 8, type: ADDR },
    { name: 'dst', offset: 24, type: ADDR },
    { name: 'sport', offset: 40, type: u(2) },
    { name: 'dport', offset: 42, type: u(2) }
  ]
})

/** Its keys in their bytes, as the kernel's map has them: none is decoded. */
export class ExemptMap extends MemoryMap<Tuple, bigint> {
  readonly keyLayout = TUPLE

  encodedEntries(): [Uint8Array, bigint][] {
    return super.entries().map(([key, role]) => [TUPLE.encode(key), role])
  }

  deleteEncoded(keys: readonly Uint8Array[]): number {
    return super.deleteBatch(keys.map((key) => TUPLE.decode(key) as Tuple))
  }

  override entries(): never {
    throw new Error('every key would be decoded')
  }
}
