// SPDX-License-Identifier: Apache-2.0

import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'

export interface Machine {
  readonly processor: string
  readonly processors: number
  readonly memoryMib: number
  readonly kernel: string
  readonly node: string
  /** Of the last minute, before the measurement: what else the machine does. */
  readonly load: number
}

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    memoryMib: Math.round(totalmem() / 2 ** 20),
    kernel: `${release()} ${readFileSync('/proc/sys/kernel/ostype', 'utf8').trim()}`,
    node: process.version,
    load: loadavg()[0] ?? 0
  }
}

export function machineText({ processor, processors, memoryMib, kernel, node, load }: Machine): string {
  const busy =
    load > processors / 2 ? ' (the machine is busy: the figures will be worse than they could be)' : ''
  return (
    `${processors} x ${processor}, ${memoryMib} MiB, ${kernel}, Node.js ${node}\n` +
    `load before the measurement: ${load.toFixed(2)}${busy}\n`
  )
}
