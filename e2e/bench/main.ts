// SPDX-License-Identifier: Apache-2.0
// make bench: prints the figures and writes them to reports/bench.json. Nothing here passes or fails by time.
// --quick takes two minutes and is coarse, --traffic measures connections alone.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureArrival } from './arriving.ts'
import { keepAwake } from './awake.ts'
import { measureConnect } from './connecting.ts'
import { Crowd } from './crowd.ts'
import { measureForks } from './forking.ts'
import { measureJoin } from './joining.ts'
import { machine, machineText } from './machine.ts'
import { measureOverflow } from './overflowing.ts'
import { measurePace } from './pacing.ts'
import { measurePackets } from './packets.ts'
import { measurePrograms } from './programs.ts'
import { measureRest } from './resting.ts'
import { Rivals } from './rivals.ts'
import { type Section, sectionText } from './section.ts'
import { onStage } from './stage.ts'
import { measureStart } from './starting.ts'
import { measureTraffic } from './traffic.ts'

const REPORTS = join(import.meta.dirname, '../../reports')

const PLANS = {
  full: {
    traffic: { rounds: 15, ms: 1000 },
    connect: { rounds: 30, connections: 500 },
    forkSeconds: 10,
    joins: 200,
    crowd: 250,
    restSeconds: 30
  },
  quick: {
    traffic: { rounds: 2, ms: 300 },
    connect: { rounds: 5, connections: 200 },
    forkSeconds: 2,
    joins: 20,
    crowd: 40,
    restSeconds: 5
  }
} as const

async function main(args: readonly string[]): Promise<void> {
  const { quick, traffic } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      traffic: { type: 'boolean', default: false }
    }
  }).values
  const plan = quick ? PLANS.quick : PLANS.full
  const about = machine()
  const began = performance.now()
  const sections: Section[] = []
  const tell = (section: Section) => {
    sections.push(section)
    process.stdout.write(sectionText(section))
  }
  process.stdout.write(machineText(about))
  {
    await using rivals = await Rivals.gather()
    using _ = keepAwake()
    tell(await measureTraffic(rivals, plan.traffic))
    tell(await measurePackets(rivals, plan.traffic.ms))
  }
  if (!traffic) await measureAgent(plan, tell)
  const seconds = Math.round((performance.now() - began) / 1000)
  const figures = Object.fromEntries(sections.map(({ key, data }) => [key, data]))
  const report = { when: new Date().toISOString(), seconds, machine: about, ...figures }
  await mkdir(REPORTS, { recursive: true })
  await writeFile(join(REPORTS, 'bench.json'), `${JSON.stringify(report, undefined, 2)}\n`)
  process.stdout.write(`\n${seconds} s. The same figures, and more of them: reports/bench.json\n`)
}

type Plan = (typeof PLANS)[keyof typeof PLANS]

async function measureAgent(plan: Plan, tell: (section: Section) => void): Promise<void> {
  await onStage(async (stage) => {
    tell(await measureConnect(stage, plan.connect))
    tell(await measurePrograms(stage))
    tell(await measureForks(stage, plan.forkSeconds))
    tell(await measureJoin(stage, plan.joins))
  })
  await onStage(async (stage) => {
    const crowd = await Crowd.gather(stage.world, plan.crowd)
    tell(await measureArrival(stage, crowd))
    tell(await measureStart(stage, crowd))
    tell(await measureRest(stage, crowd, plan.restSeconds))
    tell(await measurePace(stage, crowd))
    tell(await measureOverflow(stage, crowd))
  })
}

// The world is taken down by its guard, which outlives this process.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
await main(process.argv.slice(2))
