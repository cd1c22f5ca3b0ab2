// SPDX-License-Identifier: Apache-2.0
// A worker thread that always has more instances on their way than libuv has threads, until it is terminated.
import { parentPort } from 'node:worker_threads'
import { BpfObject } from '../lib/object.ts'
import { programPath } from './program-path.ts'

const program = BpfObject.load(programPath('hooks'), { programs: ['lookup'] }).program('lookup')
const load = async (cookie: number): Promise<void> => {
  const instance = await program.instanceAsync({ cookie })
  instance.close()
  if (cookie === 0) parentPort?.postMessage('loading')
  await load(cookie + 1)
}
await Promise.all(Array.from({ length: 8 }, () => load(0)))
