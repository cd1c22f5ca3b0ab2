// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { NativeError } from './error.ts'
import type { LayoutType } from './layout.ts'
import { BpfMap, type MapInfo } from './map.ts'

/** A map as an object declares it. */
export interface DeclaredMap extends Omit<MapInfo, 'id'> {
  keyType?: LayoutType
  valueType?: LayoutType
}

function sizes(map: Omit<MapInfo, 'id'>): string {
  const { type, keySize, valueSize, maxEntries, flags } = map
  return `${type}, key ${keySize} bytes, value ${valueSize} bytes, ${maxEntries} entries, flags ${flags}`
}

/** Members and offsets, in one line: `struct pod { version@0:1, verdict@1:1 }`. */
function shape(type: LayoutType): string {
  switch (type.kind) {
    case 'int':
      return `${type.signed ? 's' : 'u'}${type.size * 8}`
    case 'enum':
      return `enum ${type.name}`
    case 'char-array':
      return `char[${type.length}]`
    case 'array':
      return `${shape(type.element)}[${type.length}]`
    case 'struct':
      return `struct ${type.name} { ${type.members.map((m) => `${m.name}@${m.offset}: ${shape(m.type)}`).join(', ')} }`
  }
}

/** libbpf rounds a ring buffer up to a power of two of pages. */
function sameSize(wanted: DeclaredMap, found: MapInfo): boolean {
  return (
    wanted.maxEntries === found.maxEntries ||
    (wanted.type === 'ringbuf' && found.maxEntries >= wanted.maxEntries)
  )
}

/** Both layouts where they differ; undefined where they agree. */
function difference(wanted: DeclaredMap, found: BpfMap): string | undefined {
  const { info } = found
  const agree =
    wanted.type === info.type &&
    wanted.keySize === info.keySize &&
    wanted.valueSize === info.valueSize &&
    wanted.flags === info.flags &&
    sameSize(wanted, info)
  if (!agree) return `has ${sizes(info)}; wanted ${sizes(wanted)}`
  for (const [part, wantedType, foundType] of [
    ['key', wanted.keyType, found.keyLayout.type],
    ['value', wanted.valueType, found.valueLayout.type]
  ] as const) {
    // A map without BTF in the kernel (a socket map) says nothing about members.
    if (wantedType?.kind !== 'struct' || foundType.kind !== 'struct') continue
    if (shape(wantedType) !== shape(foundType))
      return `has the ${part} ${shape(foundType)}; wanted ${shape(wantedType)}`
  }
  return undefined
}

/** Throws EBPF_MAP with both layouts unless `found` can stand for `wanted`. */
export function checkSameLayout(
  wanted: DeclaredMap,
  found: BpfMap,
  what: string,
  remedy = 'give a map of that layout'
): void {
  const differs = difference(wanted, found)
  if (differs === undefined) return
  throw new NativeError({
    code: 'SLUICE_NATIVE_EBPF_MAP',
    message: `map ${wanted.name} does not match: ${what} ${differs}; ${remedy}`
  })
}

/** Compares with the map pinned at `path`, if there is one, before libbpf would open it. */
export function checkPin(wanted: DeclaredMap, path: string): void {
  if (!existsSync(path)) return
  const pinned = BpfMap.openPinned(path)
  try {
    const remedy = 'remove that file (its entries are lost) or use the version that made it'
    checkSameLayout(wanted, pinned as BpfMap, path, remedy)
  } finally {
    pinned.close()
  }
}
