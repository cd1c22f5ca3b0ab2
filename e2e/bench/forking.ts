// SPDX-License-Identifier: Apache-2.0
// As many processes as the machine can start, in a pod of the mesh, in one outside it and outside pods.

import { setTimeout as sleep } from 'node:timers/promises'
import { grouped, short } from './figures.ts'
import { cpuMs } from './processes.ts'
import type { Section } from './section.ts'
import { JOINED, type Stage } from './stage.ts'

/** More than any machine forks in the time given. */
const ENDLESS = 1_000_000_000
/** What the start of a pod's first processes had to tell is told by then. */
const QUIET_MS = 500

export async function measureForks({ world, agent }: Stage, seconds: number): Promise<Section> {
  const inside = await world.pod({ name: 'forks-inside', annotations: JOINED })
  const outside = await world.pod('forks-outside')
  await agent.untilPod(inside, 'enrolled')
  await agent.untilPod(outside, 'outside')
  await sleep(QUIET_MS)
  const sample = async () => {
    const { counters, wakeups, resyncs } = await agent.until(() => true)
    const { events = 0, events_lost: lost = 0 } = counters
    return { events, lost, wakeups, resyncs, cpu: cpuMs(agent.pid), at: performance.now() }
  }
  const idleBefore = await sample()
  await sleep((seconds * 1000) / 2)
  const before = await sample()
  const tallies = await Promise.all([
    inside.dial('forks', ENDLESS, '--seconds', seconds),
    outside.dial('forks', ENDLESS, '--seconds', seconds, '--exec'),
    world.host.dial('forks', ENDLESS, '--seconds', seconds)
  ])
  const after = await sample()
  const forks = tallies.map(({ forks: made }) => Number(made))
  const total = forks.reduce((sum, made) => sum + made, 0)
  const took = (after.at - before.at) / 1000
  const share = (from: typeof before, to: typeof before) => ((to.cpu - from.cpu) / (to.at - from.at)) * 100
  const rise = {
    events: after.events - before.events,
    lost: after.lost - before.lost,
    wakeups: after.wakeups - before.wakeups
  }
  const cpu = { idle: share(idleBefore, before), forking: share(before, after) }
  return {
    key: 'forks',
    title: 'Process events',
    about:
      `${took.toFixed(1)} s: ${grouped(forks[0] ?? 0)} forks in a pod of the mesh, ${grouped(forks[1] ?? 0)} forks with ` +
      `exec in a pod outside it, ${grouped(forks[2] ?? 0)} forks outside pods, as fast as the machine goes. The kernel ` +
      'answers all of them itself; the agent is told only of a pod or namespace that it does not know.',
    columns: ['', 'figure'],
    rows: [
      ['forks a second', grouped(total / took)],
      ['events lost', String(rise.lost)],
      ['events told', String(rise.events)],
      ['wake-ups of the agent by events', String(rise.wakeups)],
      ['processor time of the agent, % of one', short(cpu.forking)],
      ['the same, while nothing forks', short(cpu.idle)]
    ],
    remarks: [
      'The agent beats, verifies and answers the bench in both cases; its share is counted in steps of 10 ms.'
    ],
    data: { seconds: took, forks: total, perSecond: total / took, ...rise, cpuPercent: cpu }
  }
}
