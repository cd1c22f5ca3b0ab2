// SPDX-License-Identifier: Apache-2.0
// A worker thread with a ring buffer that never runs dry: each delivery writes more records. With `rounds` it closes
// everything after so many deliveries and ends by itself.
import { parentPort, workerData } from 'node:worker_threads'
import { BpfObject } from '../lib/object.ts'
import { RingBuffer } from '../lib/ringbuffer.ts'
import { programPath } from './program-path.ts'

const { rounds, coalesceMs } = workerData as { rounds?: number; coalesceMs: number }
const object = BpfObject.load(programPath('rings'))
const ctx = object.layout('flood').encode({ count: 5000, discard_every: 0, first: 0, dropped: 0 })
const produce = () => object.program('produce').testRun({ ctx })
let delivered = 0
const ring = new RingBuffer(
  object.map('ring'),
  () => {
    delivered++
    if (delivered === 1) parentPort?.postMessage('flooding')
    if (delivered === rounds) {
      ring.close()
      object.close()
    } else produce()
  },
  { coalesceMs, maxBatch: 100 }
)
produce()
