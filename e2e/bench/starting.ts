// SPDX-License-Identifier: Apache-2.0
// The agent starts on a node full of pods: nothing is prepared, or a former agent left everything.

import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hrtime } from 'node:process'
import type { Crowd } from './crowd.ts'
import { short } from './figures.ts'
import { residentMib } from './processes.ts'
import type { Section } from './section.ts'
import { awaited, type Stage } from './stage.ts'

const PROBE = join(import.meta.dirname, 'loop-delay.ts')

interface Delay {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** The crowd runs already. Leaves an agent behind that knows it. */
export async function measureStart(stage: Stage, crowd: Crowd): Promise<Section> {
  const delayFile = join(stage.world.runDirectory, 'loop-delay.json')
  await stage.clear()
  const started = hrtime.bigint()
  const env = { NODE_OPTIONS: `--import=${PROBE}`, LOOP_DELAY_FILE: delayFile }
  await stage.start({ env })
  const since = await crowd.enrolled(stage)
  const { agent } = stage
  const enrolled = since.map((at) => Number(at - started) / 1e6)
  const delay = await loopDelay(agent.pid, delayFile)
  const rss = residentMib(agent.pid)
  await agent.kill9()
  const again = performance.now()
  await agent.restart()
  await stage.ready()
  const ready = performance.now() - again
  const [first, last] = [Math.min(...enrolled), Math.max(...enrolled)]
  return {
    key: 'start',
    title: `The agent starts, ${crowd.size} pods run`,
    about:
      'Milliseconds from the start of the process, that of Node.js and the loading of the BPF programs included, ' +
      "to the map's entry that steers the pod.",
    columns: ['', 'ms'],
    rows: [
      ['first pod enrolled', short(first)],
      [`all ${crowd.size} enrolled`, short(last)],
      ["event loop's delay meanwhile, p50", short(delay.p50)],
      ["event loop's delay meanwhile, p99", short(delay.p99)],
      ["event loop's delay meanwhile, longest", short(delay.max)],
      ['killed and started again, the pods stay steered: ready, ztunnel back', short(ready)]
    ],
    remarks: ['Aim: all enrolled within 1 s.', `Memory of the agent (RSS) just after: ${short(rss)} MiB.`],
    data: { unit: 'ms', pods: crowd.size, first, all: last, loopDelay: delay, readyAgain: ready, rssMib: rss }
  }
}

async function loopDelay(pid: number, file: string): Promise<Delay> {
  rmSync(file, { force: true })
  process.kill(pid, 'SIGUSR2')
  return awaited(() => {
    try {
      return JSON.parse(readFileSync(file, 'utf8')) as Delay
    } catch {
      return undefined
    }
  }, 'the delay of the event loop')
}
