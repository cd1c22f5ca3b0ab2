// SPDX-License-Identifier: Apache-2.0
// A BpfMap in memory: the maps' side of what is tested here is the kernel's, and is tested there.

import type { BpfMap } from '#native'
import { NativeError } from '#native'
import type { KernelMaps } from '../../maps/kernel-maps.ts'

export class MemoryMap<K, V> {
  readonly #elements = new Map<string, [K, V]>()
  readonly #limit: number

  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit
  }

  get(key: K): V | undefined {
    return this.#elements.get(text(key))?.[1]
  }

  set(key: K, value: V): void {
    if (!this.#elements.has(text(key)) && this.#elements.size >= this.#limit) throw full()
    this.#elements.set(text(key), [key, value])
  }

  delete(key: K): boolean {
    return this.#elements.delete(text(key))
  }

  keys(): K[] {
    return [...this.#elements.values()].map(([key]) => key)
  }

  keysWith<M extends keyof K & string>(member: M, value: K[M]): K[] {
    return [...this.#elements.values()].flatMap(([key]) => (key[member] === value ? [key] : []))
  }

  entries(): [K, V][] {
    return [...this.#elements.values()]
  }

  deleteBatch(keys: readonly K[]): number {
    return keys.filter((key) => this.delete(key)).length
  }
}

export function memoryMap<Name extends keyof KernelMaps>(_name: Name, limit?: number): KernelMaps[Name] {
  return new MemoryMap(limit) as unknown as BpfMap as KernelMaps[Name]
}

export function podMaps() {
  return {
    addr_netns: memoryMap('addr_netns'),
    cgroup_pod: memoryMap('cgroup_pod'),
    exempt: memoryMap('exempt'),
    exempt_probe: memoryMap('exempt_probe'),
    latest: memoryMap('latest'),
    netns_pod: memoryMap('netns_pod'),
    own_addr: memoryMap('own_addr'),
    pod_stat: memoryMap('pod_stat'),
    pod_record: memoryMap('pod_record'),
    probe_port: memoryMap('probe_port'),
    probe_stat: memoryMap('probe_stat'),
    seen_netns: memoryMap('seen_netns')
  }
}

function text(key: unknown): string {
  return JSON.stringify(key, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}

function full(): NativeError {
  return new NativeError({ code: 'SLUICE_NATIVE_EBPF_MAP_FULL', message: 'map is full' })
}
