// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'
import { invalidArgument } from './error.ts'
import { Layout, type LayoutType, opaqueType } from './layout.ts'

export type MapHandle = { readonly map: unique symbol }

interface Description extends MapInfo {
  perCpu: boolean
  valueBytes: number
  keyType?: LayoutType
  valueType?: LayoutType
}

interface MapBindings {
  openPinnedMap(path: string): MapHandle
  describeMap(map: MapHandle): Description
  lookupMap(map: MapHandle, key: Uint8Array): Uint8Array | undefined
  updateMap(map: MapHandle, key: Uint8Array, value: Uint8Array, flags: number): void
  updateMapFd(map: MapHandle, key: Uint8Array, fd: number, flags: number): void
  deleteMapKey(map: MapHandle, key: Uint8Array): boolean
  deleteMapKeys(map: MapHandle, keys: Uint8Array): number
  updateMapKeys(map: MapHandle, keys: Uint8Array, values: Uint8Array): void
  keysOfMap(map: MapHandle): Uint8Array
  entriesOfMap(map: MapHandle): [Uint8Array, Uint8Array]
  pinMap(map: MapHandle, path: string): void
  closeMap(map: MapHandle): void
}

const native = bindings<MapBindings>()

/** Sizes in bytes; `type` is libbpf's name: 'hash', 'lru_hash', 'ringbuf'... */
export interface MapInfo {
  id: number
  name: string
  type: string
  keySize: number
  valueSize: number
  maxEntries: number
  flags: number
}

/** What a map holds, where the kernel does not know it (socket maps carry no BTF). */
export interface MapTypes {
  keyType?: LayoutType
  valueType?: LayoutType
}

/** 'noexist': fail with EEXIST if the key is there; 'exist': fail with ENOENT if it is not. */
export type UpdateFlag = 'any' | 'noexist' | 'exist'

const FLAGS: Record<UpdateFlag, number> = { any: 0, noexist: 1, exist: 2 }

function flagNumber(flag: UpdateFlag): number {
  const number = typeof flag === 'string' && Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : undefined
  if (number === undefined) throw invalidArgument("'any', 'noexist' or 'exist'", 'flag', flag)
  return number
}

const handles = new WeakMap<BpfMap, MapHandle>()

/** For the classes that hand a map to the addon. */
export function mapHandle(map: BpfMap): MapHandle {
  const handle = typeof map === 'object' && map !== null ? handles.get(map) : undefined
  if (handle === undefined) throw invalidArgument('a BpfMap', 'map', map)
  return handle
}

/**
 * One map; keys and values by the layouts of its BTF. Every method throws EBPF_MAP, EBPF_MAP_FULL or ECLOSED with the
 * kernel's errno; EINVALID_ARGUMENT for a key or value that does not fit the layout.
 */
export class BpfMap<K = unknown, V = unknown> {
  readonly info: MapInfo
  readonly keyLayout: Layout
  readonly valueLayout: Layout
  readonly #handle: MapHandle
  readonly #perCpu: boolean
  readonly #valueBytes: number

  /** Not for callers: objects make maps, or openPinned(). */
  constructor(handle: MapHandle, types: MapTypes = {}) {
    this.#handle = handle
    handles.set(this as BpfMap, handle)
    const { perCpu, valueBytes, keyType, valueType, ...info } = native.describeMap(handle)
    this.#perCpu = perCpu
    this.#valueBytes = valueBytes
    this.info = info
    this.keyLayout = new Layout(types.keyType ?? keyType ?? opaqueType(info.keySize))
    this.valueLayout = new Layout(types.valueType ?? valueType ?? opaqueType(info.valueSize))
  }

  /** Layouts come from the map's BTF in the kernel, unless `types` says otherwise. */
  static openPinned<K, V>(path: string, types: MapTypes = {}): BpfMap<K, V> {
    return new BpfMap<K, V>(native.openPinnedMap(path), types)
  }

  get(key: K): V | undefined {
    this.#refusePerCpu('get')
    const bytes = native.lookupMap(this.#handle, this.keyLayout.encode(key))
    return bytes === undefined ? undefined : (this.valueLayout.decode(bytes) as V)
  }

  /** One value for each possible CPU; empty where the key is not there. */
  getPerCpu(key: K): V[] {
    if (!this.#perCpu) throw invalidArgument('a per-CPU map', 'getPerCpu', this.info.type)
    const bytes = native.lookupMap(this.#handle, this.keyLayout.encode(key))
    const stride = (this.valueLayout.size + 7) & ~7
    return Array.from({ length: (bytes?.length ?? 0) / stride }, (_, cpu) =>
      this.valueLayout.decode(bytes as Uint8Array, cpu * stride)
    ) as V[]
  }

  /** A per-CPU map gets the value on every CPU. */
  set(key: K, value: V, flag: UpdateFlag = 'any'): void {
    native.updateMap(this.#handle, this.keyLayout.encode(key), this.#encodeValue(value), flagNumber(flag))
  }

  /** For socket maps: stores the socket behind `fd`. */
  setFd(key: K, fd: number, flag: UpdateFlag = 'any'): void {
    native.updateMapFd(this.#handle, this.keyLayout.encode(key), fd, flagNumber(flag))
  }

  /** False: the key was not there. */
  delete(key: K): boolean {
    return native.deleteMapKey(this.#handle, this.keyLayout.encode(key))
  }

  /** Every key once; what others add or delete meanwhile may be missing or listed. */
  keys(): K[] {
    return this.#decodeAll(this.keyLayout, native.keysOfMap(this.#handle)) as K[]
  }

  /** Those of keys() whose member has this value; no other key is decoded, which is what takes the time. */
  keysWith<M extends keyof K & string>(member: M, value: K[M]): K[] {
    const { offset, layout } = this.keyLayout.member(member)
    const wanted = layout.encode(value)
    const { size } = this.keyLayout
    const keys = native.keysOfMap(this.#handle)
    const found: K[] = []
    for (let at = 0; at < keys.length; at += size) {
      if (wanted.every((byte, i) => keys[at + offset + i] === byte))
        found.push(this.keyLayout.decode(keys, at) as K)
    }
    return found
  }

  /** As entries(), the keys in the bytes of their layout. */
  encodedEntries(): [Uint8Array, V][] {
    this.#refusePerCpu('encodedEntries')
    const [keys, values] = native.entriesOfMap(this.#handle)
    const { size } = this.keyLayout
    return this.#decodeAll(this.valueLayout, values).map((value, i) => [
      keys.subarray(i * size, (i + 1) * size),
      value as V
    ])
  }

  /** As keys(), with values; in few system calls where the map supports batches. */
  entries(): [K, V][] {
    this.#refusePerCpu('entries')
    const [keys, values] = native.entriesOfMap(this.#handle)
    return this.#decodeAll(this.keyLayout, keys).map((key, i) => [
      key as K,
      this.valueLayout.decode(values, i * this.valueLayout.size) as V
    ])
  }

  /** The number of keys that were there. */
  deleteBatch(keys: readonly K[]): number {
    return native.deleteMapKeys(
      this.#handle,
      this.#encodeAll(keys, (key) => this.keyLayout.encode(key))
    )
  }

  /** As deleteBatch(), of keys as encodedEntries() lists them. */
  deleteEncoded(keys: readonly Uint8Array[]): number {
    return native.deleteMapKeys(
      this.#handle,
      this.#encodeAll(keys, (key) => key)
    )
  }

  /** Not atomic: on an error the entries before it are written. */
  setBatch(entries: readonly (readonly [K, V])[]): void {
    const keys = this.#encodeAll(entries, (entry) => this.keyLayout.encode(entry[0]))
    const values = this.#encodeAll(entries, (entry) => this.#encodeValue(entry[1]))
    native.updateMapKeys(this.#handle, keys, values)
  }

  /** `path` lies in a bpffs and must not exist. */
  pin(path: string): void {
    native.pinMap(this.#handle, path)
  }

  close(): void {
    native.closeMap(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #refusePerCpu(method: string): void {
    if (this.#perCpu)
      throw invalidArgument('a map with one value for each key (else getPerCpu)', method, this.info.type)
  }

  #encodeValue(value: V): Uint8Array {
    const bytes = this.valueLayout.encode(value)
    if (!this.#perCpu) return bytes
    const stride = (bytes.length + 7) & ~7
    const all = new Uint8Array(this.#valueBytes)
    for (let at = 0; at < all.length; at += stride) all.set(bytes, at)
    return all
  }

  #encodeAll<T>(items: readonly T[], encode: (item: T) => Uint8Array): Uint8Array {
    if (!Array.isArray(items)) throw invalidArgument('an array', 'entries', items)
    return Buffer.concat(items.map(encode))
  }

  #decodeAll(layout: Layout, bytes: Uint8Array): unknown[] {
    return Array.from({ length: bytes.length / layout.size }, (_, i) => layout.decode(bytes, i * layout.size))
  }
}
