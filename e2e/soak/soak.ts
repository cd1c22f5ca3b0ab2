// SPDX-License-Identifier: Apache-2.0
// From the first balance to the last.

import { setTimeout as sleep } from 'node:timers/promises'
import type { World } from '../world/world.ts'
import { Acts, PAUSE } from './acts.ts'
import { type Balance, balance, differences, residentKib } from './balance.ts'
import { Ledger } from './ledger.ts'
import type { Outcome } from './report.ts'
import { scheduleOf } from './schedule.ts'
import { FICKLE, PLAIN, PORT, STEADY, Stage } from './stage.ts'
import { type Direction, Traffic } from './traffic.ts'

/** Connections each second that are asked for; the streams give less where the machine does. */
const RATE = 200
const CONTROL_MS = 3_000
/** Closed connections live on for a moment; nothing else may. */
const SETTLING_MS = 20_000
/** What the agent's heap may have grown by between two looks at rest. */
const TOLERANCE_KIB = 32 * 1024

export async function soak(world: World, seconds: number, seed: number): Promise<Outcome> {
  const schedule = scheduleOf(seed, seconds * 1000, FICKLE)
  let ledger: Ledger | undefined
  const stage = await Stage.set(world, schedule.newcomers)
  try {
    const traffic = new Traffic((call) => ledger?.take(call))
    let beforeKib = Number.NaN
    const acts = new Acts(stage, traffic, async () => {
      beforeKib = await restedMemory(stage)
    })
    const before = await atRest(stage)
    const main = new Ledger(stage)
    ledger = main
    beginAll(stage, traffic)
    await acts.play(schedule.happenings, seconds * 1000)
    main.close()
    const control = new Ledger(stage)
    ledger = control
    await unsteered(stage, () => sleep(CONTROL_MS))
    control.close()
    await traffic.end()
    for (const name of schedule.newcomers) {
      const standing = stage.standings.now(name)
      if (standing !== undefined && standing !== 'gone') await acts.end(name)
    }
    for (const name of FICKLE) if (stage.standings.now(name) !== 'member') await acts.join(name)
    const leftovers = await settled(stage, before)
    for (const each of [main, control]) await each.judged()
    return {
      seed,
      seconds,
      rate: RATE,
      ztunnel: stage.ztunnel.real ? 'a real ztunnel' : 'the stand-in for ztunnel',
      ledger: main,
      control,
      done: acts.done,
      agentKills: stage.agentKills.length,
      around: (call) => stage.around(call),
      planned: schedule.happenings.length,
      drift: (await stage.agent.report())?.drift ?? {},
      leftovers,
      story: stage.story(),
      memory: {
        beforeKib,
        afterKib: await restedMemory(stage),
        toleranceKib: TOLERANCE_KIB
      }
    }
  } finally {
    await stage.strike()
  }
}

/** Enough streams for the rate, were the connections themselves to take no time. */
function beginAll(stage: Stage, traffic: Traffic): void {
  const begin = (pod: string, direction: Direction) => {
    const [from, to] = direction === 'outbound' ? [stage.pod(pod), stage.peer] : [stage.peer, stage.pod(pod)]
    traffic.begin({ pod, direction, from, to, port: PORT, pause: PAUSE })
  }
  const every = [...STEADY, ...FICKLE, PLAIN]
  const wanted = (RATE * PAUSE) / 1000
  for (let round = 0; traffic.streams < wanted; round++) {
    for (const pod of round === 0 ? every : STEADY) {
      begin(pod, 'outbound')
      begin(pod, 'inbound')
    }
  }
}

/** The control run: what the ledger calls a leak when every connection passes. */
async function unsteered(stage: Stage, act: () => Promise<unknown>): Promise<void> {
  const told = async (word: 'pause' | 'resume') => {
    const { code, stderr } = await stage.agent.cli(word)
    if (code !== 0) throw new Error(`sluice ${word}: exit ${code}: ${stderr}`)
  }
  await told('pause')
  try {
    await act()
  } finally {
    await told('resume')
  }
}

/** The least of some looks: what the collector has not come to yet is not counted. */
async function restedMemory(stage: Stage): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 8; look++) {
    least = Math.min(least, residentKib(stage.agent.pid))
    await sleep(250)
  }
  return least
}

/** The first look that the next one confirms. */
async function atRest(stage: Stage): Promise<Balance> {
  const end = Date.now() + SETTLING_MS
  for (let last = await balance(stage); ; ) {
    await sleep(1000)
    const next = await balance(stage)
    if (differences(last, next).length === 0 || Date.now() > end) return next
    last = next
  }
}

async function settled(stage: Stage, before: Balance): Promise<string[]> {
  const end = Date.now() + SETTLING_MS
  for (;;) {
    const left = differences(before, await balance(stage))
    if (left.length === 0 || Date.now() > end) return left
    await sleep(250)
  }
}
