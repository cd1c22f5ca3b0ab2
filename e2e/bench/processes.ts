// SPDX-License-Identifier: Apache-2.0
// What /proc says of a process.

import { readFileSync } from 'node:fs'

/** Of USER_HZ, which is 100 wherever Linux runs. */
const TICK_MS = 10

/** User and system time so far, in ms; a multiple of 10. */
export function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[14 - 3]) + Number(fields[15 - 3])) * TICK_MS
}

/** MiB that are resident now. */
export function residentMib(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / 1024
}
