// SPDX-License-Identifier: Apache-2.0
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { bindings } from './addon.ts'
import { requireRecord, requireString } from './argument.ts'
import { closedError, invalidArgument } from './error.ts'
import { encodeKnobs, type Knob, type KnobValues } from './knob.ts'
import { Layout, type LayoutType } from './layout.ts'
import { BpfMap, type MapHandle, mapHandle } from './map.ts'
import { checkPin, checkSameLayout, type DeclaredMap } from './map-layout.ts'
import { Program, type ProgramHandle } from './program.ts'

type ObjectHandle = { readonly object: unique symbol }

export interface MapDeclaration extends DeclaredMap {
  /** Made by the compiler: .rodata, .bss, .data. */
  internal: boolean
}

export interface ObjectDescription {
  maps: MapDeclaration[]
  programs: { name: string; section: string; type: string }[]
  types: Record<string, LayoutType>
  knobs: Knob[]
}

interface ObjectBindings {
  openObject(path: string): ObjectHandle
  describeObject(object: ObjectHandle): ObjectDescription
  setKnob(object: ObjectHandle, section: string, offset: number, bytes: Uint8Array): void
  configureMap(
    object: ObjectHandle,
    name: string,
    setting: 'maxEntries' | 'pin' | 'reuse',
    value: unknown
  ): void
  loadObject(object: ObjectHandle, programs: readonly string[] | undefined): void
  objectProgram(object: ObjectHandle, name: string): ProgramHandle
  objectMap(object: ObjectHandle, name: string): MapHandle
  closeObject(object: ObjectHandle): void
}

const native = bindings<ObjectBindings>()

export interface LoadOptions {
  /** Values of `const volatile` globals. */
  knobs?: KnobValues
  /** Sizes of maps, by name. */
  maxEntries?: Record<string, number>
  /** A directory in a bpffs: maps are opened there if pinned, else created and pinned there; .rodata and .bss never. */
  pinMapsIn?: string
  /** Existing maps to use instead of new ones, by name. */
  maps?: Record<string, BpfMap>
  /** Load only these programs. */
  programs?: readonly string[]
}

function declared(maps: readonly MapDeclaration[], name: string, option: string): MapDeclaration {
  const map = maps.find((candidate) => candidate.name === name)
  if (map === undefined)
    throw invalidArgument(`a map of the object (${maps.map((m) => m.name).join(', ')})`, option, name)
  return map
}

function configure(handle: ObjectHandle, { maps, knobs }: ObjectDescription, options: LoadOptions): void {
  const { knobs: values = {}, maxEntries: sizes = {}, maps: reused = {}, pinMapsIn } = options
  for (const { section, offset, bytes } of encodeKnobs(knobs, values)) {
    native.setKnob(handle, section, offset, bytes)
  }
  requireRecord(sizes, 'maxEntries')
  for (const [name, count] of Object.entries(sizes)) {
    declared(maps, name, 'maxEntries')
    native.configureMap(handle, name, 'maxEntries', count)
  }
  requireRecord(reused, 'maps')
  for (const [name, map] of Object.entries(reused)) {
    const declaration = declared(maps, name, 'maps')
    const reusable = mapHandle(map)
    checkSameLayout(declaration, map, `the map given for ${name}`)
    native.configureMap(handle, name, 'reuse', reusable)
  }
  if (pinMapsIn === undefined) return
  requireString(pinMapsIn, 'pinMapsIn')
  mkdirSync(pinMapsIn, { recursive: true, mode: 0o700 })
  for (const map of maps) {
    if (map.internal || map.name in reused) continue
    const path = join(pinMapsIn, map.name)
    checkPin({ ...map, maxEntries: sizes[map.name] ?? map.maxEntries }, path)
    native.configureMap(handle, map.name, 'pin', path)
  }
}

/** A loaded BPF object file. Its programs and maps close with it; links do not. */
export class BpfObject {
  readonly programNames: readonly string[]
  readonly mapNames: readonly string[]
  readonly #handle: ObjectHandle
  readonly #description: ObjectDescription
  readonly #programs = new Map<string, Program>()
  readonly #maps = new Map<string, BpfMap>()
  #closed = false

  private constructor(handle: ObjectHandle, description: ObjectDescription) {
    this.#handle = handle
    this.#description = description
    this.programNames = description.programs.map(({ name }) => name)
    this.mapNames = description.maps.filter(({ internal }) => !internal).map(({ name }) => name)
  }

  /**
   * Opens and loads `path`; blocks the calling thread, for up to 20 ms with CO-RE. Throws EBPF_OPEN, EBPF_VERIFIER (one line of the
   * verifier's reason, the rest in `.log`), EBPF_UNSUPPORTED, EBPF_PERMISSION, or EBPF_MAP for a pinned map that differs.
   */
  static load(path: string, options: LoadOptions = {}): BpfObject {
    requireRecord(options, 'options')
    const handle = native.openObject(path)
    try {
      const description = native.describeObject(handle)
      configure(handle, description, options)
      native.loadObject(handle, options.programs)
      return new BpfObject(handle, description)
    } catch (error) {
      native.closeObject(handle)
      throw error
    }
  }

  /** What the object file declares; needs no privilege and loads nothing. */
  static describe(path: string): ObjectDescription {
    const handle = native.openObject(path)
    try {
      return native.describeObject(handle)
    } finally {
      native.closeObject(handle)
    }
  }

  program(name: string): Program {
    let program = this.#programs.get(name)
    if (program === undefined) {
      program = new Program(native.objectProgram(this.#handle, name), this.#description.knobs)
      this.#programs.set(name, program)
    }
    return program
  }

  map<K = unknown, V = unknown>(name: string): BpfMap<K, V> {
    let map = this.#maps.get(name)
    if (map === undefined) {
      const handle = native.objectMap(this.#handle, name)
      map = new BpfMap(handle, declared(this.#description.maps, name, 'map'))
      this.#maps.set(name, map)
    }
    return map as BpfMap<K, V>
  }

  /** The layout of a struct or enum in the object's BTF. */
  layout(typeName: string): Layout {
    if (this.#closed) throw closedError('BPF object')
    requireString(typeName, 'type name')
    const type = Object.hasOwn(this.#description.types, typeName)
      ? this.#description.types[typeName]
      : undefined
    if (type === undefined) throw invalidArgument('a struct or enum of the object', 'type name', typeName)
    return new Layout(type)
  }

  close(): void {
    this.#closed = true
    for (const child of [...this.#programs.values(), ...this.#maps.values()]) child.close()
    native.closeObject(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
