// SPDX-License-Identifier: Apache-2.0
// `node guard.ts DIRECTORY`: removes the cluster of that directory when its stdin ends, which it does when the process
// that started it asks for it and also when that process dies, however it dies.

import { existsSync } from 'node:fs'
import { removeCluster } from './removal.ts'
import { readState, stateFile } from './state.ts'

const [, , directory = ''] = process.argv
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
process.stdin.resume()
process.stdin.once('end', () => {
  if (existsSync(stateFile(directory))) void readState(directory).then(removeCluster)
})
