// SPDX-License-Identifier: Apache-2.0
// Pods start at an even pace, as in a rollout: what that costs the agent.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Crowd } from './crowd.ts'
import { short } from './figures.ts'
import { cpuMs } from './processes.ts'
import type { Section } from './section.ts'
import { awaited, type Stage } from './stage.ts'

const STARTS_A_SECOND = 5

/** The crowd runs already; it ends and begins again. */
export async function measurePace(stage: Stage, crowd: Crowd): Promise<Section> {
  const { agent, pinned } = stage
  await crowd.end()
  await awaited(() => pinned.steered.length === 0 || undefined, 'no pod enrolled', 50)
  await agent.until(({ pods }) => pods.every(({ state }) => state === 'known'))
  const [cpu, began] = [cpuMs(agent.pid), performance.now()]
  for (let index = 0; index < crowd.size; index++) {
    await sleep(Math.max(0, began + (index * 1000) / STARTS_A_SECOND - performance.now()))
    crowd.begin(index)
  }
  await crowd.enrolled(stage)
  const [spent, took] = [cpuMs(agent.pid) - cpu, performance.now() - began]
  return {
    key: 'pace',
    title: `Pods start, ${STARTS_A_SECOND} a second`,
    about: `${crowd.size} pods, from the first mkdir until the last is enrolled, the verification of all that run included.`,
    columns: ['', 'figure'],
    rows: [
      ["agent's processor time, of one processor", `${short((spent / took) * 100)} %`],
      ["agent's processor time for each pod, ms", short(spent / crowd.size)]
    ],
    remarks: [],
    data: {
      pods: crowd.size,
      startsPerSecond: STARTS_A_SECOND,
      processorShare: spent / took,
      msPerPod: spent / crowd.size
    }
  }
}
