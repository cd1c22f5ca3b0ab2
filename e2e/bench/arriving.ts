// SPDX-License-Identifier: Apache-2.0
// New pods, one after the other: from the mkdir of the pod's cgroup to enrolled.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Crowd } from './crowd.ts'
import { short, spread } from './figures.ts'
import { residentMib } from './processes.ts'
import type { Section } from './section.ts'
import { awaited, type Stage } from './stage.ts'

/** Apart from what the former pod left to do: ztunnel's answer, the agent's first look at the pod. */
const APART_MS = 10

/** All of the crowd arrives; it is enrolled when this resolves. */
export async function measureArrival({ agent, pinned }: Stage, crowd: Crowd): Promise<Section> {
  const before = residentMib(agent.pid)
  const took: number[] = []
  for (let index = 0; index < crowd.size; index++) {
    const { cgroup, at } = crowd.begin(index)
    const since = await awaited(() => pinned.steeredSince(cgroup), `pod ${index} enrolled`)
    took.push(Number(since - at) / 1e6)
    await sleep(APART_MS)
  }
  const times = spread(took)
  const after = residentMib(agent.pid)
  return {
    key: 'arrival',
    title: 'A new pod: from the mkdir of its cgroup to enrolled',
    about:
      `${crowd.size} pods, one after the other, each in a network namespace of its own. Milliseconds from just ` +
      'before mkdir to the entry in the map that steers. The first process is born in the cgroup and the namespace at ' +
      'once; a container runtime takes a tenth of a second until then.',
    columns: ['', 'p50', 'p99', 'min', 'max'],
    rows: [['mkdir to enrolled', short(times.p50), short(times.p99), short(times.min), short(times.max)]],
    remarks: [
      'Aim: 5 ms at p50, 15 ms at p99.',
      `Memory of the agent (RSS): ${short(before)} MiB without pods, ${short(after)} MiB with ${crowd.size}.`
    ],
    data: { unit: 'ms', mkdirToEnrolled: times, pods: crowd.size, rssMib: { without: before, with: after } }
  }
}
