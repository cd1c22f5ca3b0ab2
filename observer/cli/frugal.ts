// SPDX-License-Identifier: Apache-2.0
// An agent does little for months on many nodes: V8 is told to save memory, by flags that it heeds while it runs. They
// hold however the bundle was started, and nothing is started twice.

import { setFlagsFromString } from 'node:v8'

// The space of young objects stays as it begins, 1 MiB. Maglev compiles what runs a few hundred times and keeps its
// compiler in memory for that; what runs thousands of times, such as events of a busy node, is optimized.
const FLAGS = [
  '--semi-space-growth-factor=1',
  '--optimize-for-size',
  '--no-maglev',
  '--invocation-count-for-turbofan=30000'
]

/** From here on: call it before what is to be compiled and to take memory. */
export function saveMemory(): void {
  for (const flag of FLAGS) setFlagsFromString(flag)
}
