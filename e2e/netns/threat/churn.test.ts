// SPDX-License-Identifier: Apache-2.0
// A pod with CAP_NET_ADMIN that changes its namespace without end: the agent repairs so often and no more.

import { beforeAll, expect, it } from 'vitest'
import type { Line } from '../../world/running.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { endpoint, expectSteered } from '../setup/route.ts'

const PORT = 8080
const CHURN_MS = 3_000
/** observer/agent/visits.ts, observer/log/pod-journal.ts */
const VISITS = { atOnce: 10, aSecond: 10 }
const LINES = { count: 10, ms: 10_000 }

const node = mesh({
  enrolled: ['loop', 'app'],
  outsiders: ['server'],
  agent: { config: { verifyInterval: '1s', log: { level: 'info' } } }
})

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
  for (const name of ['loop', 'app']) await node.agent.untilPod(node.pod(name), 'verified')
})

const isAbout = (name: string) => (line: Line) => line.level === 'warn' && line.pod === `default/${name}`

async function expectAllSteered(): Promise<void> {
  for (const family of FAMILIES) {
    const server = node.outsider('server')[family]
    for (const from of [node.pod('loop'), node.pod('app')]) {
      const to = endpoint(server, PORT)
      const dial = () => from.connect(server, PORT)
      await expect.poll(async () => (await dial()).ok).toBe(true)
      await expectSteered(node, await dial(), { from, family, to })
    }
  }
}

it('a rule that is deleted without end is put back ten times a second, in a few lines', async () => {
  const before = node.agent.log.length
  const began = performance.now()
  const loop = node.pod('loop').spawn(['sh', '-c', 'while :; do ip rule del pref 1 2>/dev/null; done'])
  await node.agent.until(({ drift }) => (drift.rule ?? 0) >= VISITS.atOnce)
  await new Promise((resolve) => setTimeout(resolve, CHURN_MS))
  const { drift } = await node.report()
  const seconds = (performance.now() - began) / 1000
  // Rounds visit too, and the last visit may still be under way.
  expect(drift.rule).toBeLessThanOrEqual(VISITS.atOnce + VISITS.aSecond * (seconds + 1))
  await loop.stop('SIGKILL')
  await expectAllSteered()

  const since = () => node.agent.log.slice(before).filter(isAbout('loop'))
  const told = (lines: readonly Line[]) =>
    lines.reduce((sum, line) => sum + (line.drift === undefined ? Number(line.suppressed ?? 0) : 1), 0)
  await expect.poll(async () => told(since()) - ((await node.report()).drift.rule ?? 0)).toBe(0)
  const lines = since().filter((line) => line.drift !== undefined)
  const spans = Math.ceil((performance.now() - began) / LINES.ms) + 1
  expect(lines.length).toBeLessThanOrEqual(LINES.count * spans)
  expect(since().some((line) => Number(line.suppressed) > 0)).toBe(true)
  expect(node.agent.log.slice(before).filter(isAbout('app'))).toEqual([])
})
