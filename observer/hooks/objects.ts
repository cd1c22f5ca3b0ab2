// SPDX-License-Identifier: Apache-2.0
// Loads the kernel objects. They share their maps through the pin directory: the first agent creates them, a
// later one finds what its predecessor left.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { objects as described, type MapTypes } from '#contract'
import { BpfMap, BpfObject, NativeError } from '#native'
import { SluiceError } from '../errors/error.ts'
import type { KernelMaps } from '../maps/kernel-maps.ts'

export type ObjectName = keyof typeof described
export type KernelObjects = Readonly<Record<ObjectName, BpfObject>>

export interface Knobs {
  readonly host_netns: bigint
  readonly steer_mark: number
  readonly steer_mask: number
  readonly heartbeat_stale_ns: bigint
  readonly looks_for_roots: 0 | 1
}

export interface LoadedHooks {
  readonly objects: KernelObjects
  readonly maps: KernelMaps
  close(): void
}

/**
 * @param directory of the built objects
 * @param pins directory of the pinned maps
 * @param sizes elements by map; what is pinned already keeps its size
 * @throws SluiceError SLUICE_ERR_PINS_MAPS; SLUICE_ERR_HOOKS_LOAD, which names the object and the verifier's reason
 */
export function loadHooks(
  directory: string,
  pins: string,
  knobs: Knobs,
  sizes: Readonly<Partial<Record<keyof MapTypes | 'events', number>>>
): LoadedHooks {
  const loaded = new Map<string, BpfObject>()
  for (const [name, { file, maps, knobs: names }] of Object.entries(described)) {
    try {
      loaded.set(
        name,
        BpfObject.load(join(directory, file), {
          pinMapsIn: pins,
          maxEntries: sizesOf(maps, pins, sizes),
          knobs: Object.fromEntries(
            Object.entries(knobs).filter(([knob]) => (names as readonly string[]).includes(knob))
          )
        })
      )
    } catch (error) {
      for (const object of loaded.values()) object.close()
      throw loadError(file, pins, error)
    }
  }
  const objects = Object.fromEntries(loaded) as KernelObjects
  return {
    objects,
    maps: mapsOf(objects),
    close: () => {
      for (const object of loaded.values()) object.close()
    }
  }
}

function sizesOf(
  maps: readonly string[],
  pins: string,
  sizes: Readonly<Record<string, number | undefined>>
): Record<string, number> {
  return Object.fromEntries(
    maps.flatMap((name): [string, number][] => {
      const pinned = join(pins, name)
      if (existsSync(pinned)) {
        using map = BpfMap.openPinned(pinned)
        // Storage on sockets has no size.
        return map.info.maxEntries === 0 ? [] : [[name, map.info.maxEntries]]
      }
      const size = sizes[name]
      return size === undefined ? [] : [[name, size]]
    })
  )
}

function mapsOf(objects: KernelObjects): KernelMaps {
  const entries = Object.entries(described).flatMap(([object, { maps }]) =>
    maps.map((name) => [name, objects[object as ObjectName].map(name)] as const)
  )
  return Object.fromEntries(entries) as unknown as KernelMaps
}

function loadError(file: string, pins: string, error: unknown): SluiceError {
  if (error instanceof NativeError && error.code === 'SLUICE_NATIVE_EBPF_MAP') {
    return new SluiceError('SLUICE_ERR_PINS_MAPS', { path: pins }, error)
  }
  if (error instanceof NativeError && error.code === 'SLUICE_NATIVE_EBPF_PERMISSION') {
    return new SluiceError('SLUICE_ERR_HOOKS_PERMISSION', { file }, error)
  }
  return new SluiceError('SLUICE_ERR_HOOKS_LOAD', { file }, error)
}
