// SPDX-License-Identifier: Apache-2.0
// How long the kernel spends in each of the programs, as the kernel itself counts it.

import { DIAL } from '../world/place.ts'
import { must } from '../world/running.ts'
import { Counted, type Runs } from './counted.ts'
import { grouped } from './figures.ts'
import type { Section } from './section.ts'
import { JOINED, type Stage } from './stage.ts'

const PORT = 8080
const CONNECTIONS = 2_000
const FORKS = 4_000

export async function measurePrograms({ world, agent, pinned }: Stage): Promise<Section> {
  const server = await world.outsider('program-server')
  await server.serve(PORT, '--quiet')
  const outside = await world.pod('program-outside')
  const inside = await world.pod({ name: 'program-inside', annotations: JOINED })
  await agent.untilPod(outside, 'outside')
  await agent.untilPod(inside, 'enrolled')
  const ids = pinned.programs(await inside.cookie())
  await using counted = new Counted(ids.values())
  const connect = (place: typeof inside) =>
    place.connectMany(server.ipv4, PORT, CONNECTIONS, '--no-data', '--rst')
  const work: readonly (readonly [program: string, while_: string, act: () => Promise<unknown>])[] = [
    ['connect4', 'a pod of the mesh dials', () => connect(inside)],
    ['connect4', 'a pod outside the mesh dials', () => connect(outside)],
    ['lookup', 'a pod of the mesh dials', () => connect(inside)],
    ['handle_fork', 'a known pod forks', () => inside.dial('forks', FORKS)],
    ['handle_fork', 'a process outside pods forks', () => must([DIAL, 'forks', String(FORKS)])],
    ['handle_exec', 'a known pod execs', () => inside.dial('forks', FORKS / 4, '--exec')],
    ['handle_exec', 'a process outside pods execs', () => must([DIAL, 'forks', String(FORKS / 4), '--exec'])]
  ]
  const measured: (Runs & { program: string; work: string; nsPerRun: number })[] = []
  for (const [program, while_, act] of work) {
    const before = await counted.now()
    await act()
    const after = await counted.now()
    const id = ids.get(program) ?? 0
    const runs = (after.get(id)?.runs ?? 0) - (before.get(id)?.runs ?? 0)
    const ns = (after.get(id)?.ns ?? 0) - (before.get(id)?.ns ?? 0)
    measured.push({ program, work: while_, runs, ns, nsPerRun: ns / Math.max(1, runs) })
  }
  return {
    key: 'programs',
    title: 'The programs in the kernel',
    about:
      "The kernel's own count (BPF_STATS_RUN_TIME, on for this part only; reading the clock twice is some 20 ns of " +
      'each figure). Other processes of the machine run the fork and exec programs too.',
    columns: ['program', 'while', 'runs', 'ns a run'],
    rows: measured.map((each) => [each.program, each.work, grouped(each.runs), each.nsPerRun.toFixed(0)]),
    remarks: [],
    data: measured
  }
}
