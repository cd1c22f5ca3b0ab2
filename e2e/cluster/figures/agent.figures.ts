// SPDX-License-Identifier: Apache-2.0
// What the agent costs while nothing happens.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { short } from '../../bench/figures.ts'
import { cpuMs, residentMib } from '../../bench/processes.ts'
import { commandOf, podProcesses } from '../node/processes.ts'
import { openScene } from '../scene.ts'

const scene = openScene()

const REST_MS = 30_000

it('of the agent at rest', async ({ skip }) => {
  const { state } = scene
  if (state === null) return skip("the agent's process is on the node")
  await scene.sluice.install()
  const uid = (await (await scene.sluice.agent()).object())?.metadata?.uid ?? ''
  const processes = await podProcesses(state, uid)
  const pid = processes.find((pid) => commandOf(pid).includes('sluice'))
  if (pid === undefined) throw new Error('no process of the agent')
  const before = cpuMs(pid)
  await sleep(REST_MS)
  const busy = (cpuMs(pid) - before) / REST_MS
  const rss = residentMib(pid)
  process.stdout.write(`figure: agent at rest: ${short(rss)} MiB, ${short(busy * 100)} % of a core\n`)
  expect(rss).toBeGreaterThan(0)
})
