// SPDX-License-Identifier: Apache-2.0
// The real attempts of the probe in kernel.ts.

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { BpfObject, RingBuffer } from '#native'
import { kernelObjects } from '../../hooks/object-files.ts'
import type { KernelTrial, LoadedObject } from './kernel.ts'

const BTF = '/sys/kernel/btf/vmlinux'
const SUFFIX = '.bpf.o'

/** @param parent cgroup below which throw-away cgroups are made; undefined: there is none */
export function kernelTrial(parent: string | undefined): KernelTrial {
  const directory = kernelObjects()
  const files = directory === undefined ? [] : readdirSync(directory).filter((name) => name.endsWith(SUFFIX))
  const loadable = files.sort().flatMap((file) => {
    const path = join(directory ?? '', file)
    // The object that only carries the contract's types has no programs.
    if (BpfObject.describe(path).programs.length === 0) return []
    return [[file.slice(0, -SUFFIX.length), () => loaded(path)] as const]
  })
  return {
    hasBtf: () => existsSync(BTF),
    objects: new Map(loadable),
    withCgroup: parent === undefined ? undefined : (use) => inCgroup(parent, use)
  }
}

function loaded(path: string): LoadedObject {
  const { programs, maps } = BpfObject.describe(path)
  const object = BpfObject.load(path)
  const named = (pattern: RegExp) =>
    programs.filter(({ section }) => pattern.test(section)).map(({ name }) => name)
  return {
    cgroupPrograms: named(/^(cgroup\/|sockops)/),
    tryCgroup: (program, directory) => {
      using _link = object.program(program).attachCgroup(directory)
    },
    tracingPrograms: named(/^(tp_btf|raw_tp|raw_tracepoint|tracepoint|tp)\//),
    tryTracing: (program) => {
      using _link = object.program(program).attachTracing()
    },
    ringBuffers: maps.filter(({ type }) => type === 'ringbuf').map(({ name }) => name),
    tryRingBuffer: (map) => {
      using _buffer = new RingBuffer(object.map(map), () => {})
    },
    [Symbol.dispose]: () => object.close()
  }
}

function inCgroup(parent: string, use: (directory: string) => void): void {
  const directory = join(parent, `sluice-check-${process.pid}-${randomBytes(4).toString('hex')}`)
  mkdirSync(directory)
  try {
    use(directory)
  } finally {
    rmdirSync(directory)
  }
}
