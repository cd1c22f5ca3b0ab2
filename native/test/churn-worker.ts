// SPDX-License-Identifier: Apache-2.0
// A worker thread that sets and deletes keys of a pinned map without pause, until it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import { BpfMap } from '../lib/map.ts'

const { path, keys, value } = workerData as { path: string; keys: unknown[]; value: unknown }
const map = BpfMap.openPinned(path)
parentPort?.postMessage('ready')
for (;;) {
  map.setBatch(keys.map((key) => [key, value]))
  map.deleteBatch(keys)
}
