// SPDX-License-Identifier: Apache-2.0
// The ring buffer overflows on purpose: the agent is stopped while hundreds of pods are made.

import { hrtime } from 'node:process'
import type { Crowd } from './crowd.ts'
import { short } from './figures.ts'
import type { Section } from './section.ts'
import type { Stage } from './stage.ts'

/** A page: some twenty events. */
const RING_BYTES = 4096

/** The crowd runs already; it ends and begins again. */
export async function measureOverflow(stage: Stage, crowd: Crowd): Promise<Section> {
  await stage.clear()
  await crowd.end()
  // Scans are far apart: only what was lost can be the reason of one.
  await stage.start({ config: { ringBufferBytes: RING_BYTES, scanInterval: '10m' } })
  await stage.ready()
  const { agent } = stage
  const before = await agent.until(() => true)
  agent.pause()
  for (let index = 0; index < crowd.size; index++) crowd.begin(index)
  const resumed = hrtime.bigint()
  agent.resume()
  const since = await crowd.enrolled(stage)
  const all = Math.max(...since.map((at) => Number(at - resumed) / 1e6))
  const after = await agent.until(() => true)
  const lost = (after.counters.events_lost ?? 0) - (before.counters.events_lost ?? 0)
  const resyncs = after.resyncs - before.resyncs
  return {
    key: 'overflow',
    title: 'An overflow on purpose',
    about:
      `A ring buffer of ${RING_BYTES} bytes, the agent stopped (SIGSTOP) while ${crowd.size} pods are made: the ` +
      'events do not fit, the kernel counts what it could not tell, and the agent scans when it goes on.',
    columns: ['', 'figure'],
    rows: [
      ['events lost and counted', String(lost)],
      ['scans because of it', String(resyncs)],
      [`all ${crowd.size} pods enrolled, ms after the agent went on`, short(all)]
    ],
    remarks: ['Until then the pods were held: the kernel holds a new pod by itself, told of or not.'],
    data: { pods: crowd.size, ringBytes: RING_BYTES, lost, resyncs, allEnrolledMs: all }
  }
}
