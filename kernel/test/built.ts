// SPDX-License-Identifier: Apache-2.0
// The built objects, closed when the test ends.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type BpfMap, BpfObject, type LoadOptions } from '#native'

export const KERNEL = join(import.meta.dirname, '../../build/kernel')
const TEST = join(import.meta.dirname, '../../build/kernel-test')
const SUFFIX = '.bpf.o'

export const OBJECTS = readdirSync(KERNEL)
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length))

export function kernelObject(name: string, options?: LoadOptions): BpfObject {
  return closing(BpfObject.load(join(KERNEL, name + SUFFIX), options))
}

export function testObject(name: string, options?: LoadOptions): BpfObject {
  return closing(BpfObject.load(join(TEST, name + SUFFIX), options))
}

export function closing<T extends { close(): void }>(handle: T): T {
  onTestFinished(() => handle.close())
  return handle
}

export function counted(map: BpfMap<number, bigint>, index: number): number {
  return Number(map.getPerCpu(index).reduce((sum, value) => sum + value, 0n))
}
