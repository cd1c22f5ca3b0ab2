// SPDX-License-Identifier: Apache-2.0
// A running pod joins and leaves: from the change of its manifest to its first connection on the other way.

import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hrtime } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pod } from '../world/pod.ts'
import type { Running } from '../world/running.ts'
import { short, spread } from './figures.ts'
import { cgroupId } from './pinned.ts'
import type { Section } from './section.ts'
import { JOIN, type Stage } from './stage.ts'

const UNTIL = join(import.meta.dirname, '../../build/e2e/until')
const PORT = 8080
/** The manifest changes when the application has been dialling for so long. */
const DIALLING_MS = 5

export async function measureJoin({ world, agent, pinned }: Stage, times: number): Promise<Section> {
  const server = await world.outsider('join-server')
  await server.serve(PORT, '--quiet')
  const pod = await world.pod('joiner')
  await agent.untilPod(pod, 'outside')
  const until = pod.spawn([UNTIL, server.ipv4, PORT])
  const cgroup = cgroupId(pod.podCgroup)
  const joined: number[] = []
  const enrolled: number[] = []
  const left: number[] = []
  let refused = 0
  for (let time = 0; time < times; time++) {
    const join = await change(pod, until, 'steered', world.runDirectory, world.manifests.path(pod.file))
    joined.push(join.ms)
    refused += join.refused
    enrolled.push(Number((pinned.steeredSince(cgroup) ?? 0n) - join.changed) / 1e6)
    const leave = await change(pod, until, 'plain', world.runDirectory, world.manifests.path(pod.file))
    left.push(leave.ms)
    refused += leave.refused
    await agent.untilPod(pod, 'outside')
  }
  await until.stop()
  await pod.remove()
  const rows = [
    ['first steered connection', spread(joined)] as const,
    ['entry in the map says so', spread(enrolled)] as const,
    ['leaving: first plain connection', spread(left)] as const
  ]
  return {
    key: 'join',
    title: 'A running pod joins: from its manifest to its traffic',
    about:
      `${times} times: the manifest is renamed into place while the application dials without end, 0.1 ms between ` +
      'two connections. Milliseconds from the rename.',
    columns: ['until', 'p50', 'p99', 'min', 'max'],
    rows: rows.map(([name, s]) => [name, short(s.p50), short(s.p99), short(s.min), short(s.max)]),
    remarks: [
      'Aim: 5 ms at p50, 15 ms at p99.',
      `Connections of the application that were refused meanwhile: ${refused} (a pod that joins keeps its traffic).`
    ],
    data: { times, unit: 'ms', joined: rows[0]?.[1], enrolled: rows[1]?.[1], left: rows[2]?.[1], refused }
  }
}

async function change(pod: Pod, until: Running, word: 'steered' | 'plain', staging: string, path: string) {
  const before = until.lines.length
  pod.annotations[JOIN] = word === 'steered' ? 'true' : 'false'
  const staged = join(staging, 'staged.yaml')
  writeFileSync(staged, pod.text())
  until.write(`${word}\n`)
  await sleep(DIALLING_MS)
  const changed = hrtime.bigint()
  renameSync(staged, path)
  const line = await until.waitFor((each) => until.lines.indexOf(each) >= before, 15_000)
  if (line.event !== word) throw new Error(`${pod.name}: its connections did not become ${word}`)
  return { changed, ms: Number(BigInt(String(line.ns)) - changed) / 1e6, refused: Number(line.refused) }
}
