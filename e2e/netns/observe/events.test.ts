// SPDX-License-Identifier: Apache-2.0
// The kernel tells of each thing once, and its events alone carry the work.

import { describe, expect, it } from 'vitest'
import { JOIN, mesh } from '../setup/mesh.ts'

const FORKS = 10_000
const NAMES = ['member', 'neighbour']

describe('with scans turned off', () => {
  const node = mesh({
    enrolled: ['member'],
    plain: ['neighbour'],
    agent: { config: { scanInterval: '0s' } },
    ztunnel: { standIn: true }
  })

  it.each([
    { what: 'forks', flags: [] },
    { what: 'forks that exec', flags: ['--exec'] }
  ])(`wakes nobody for 10,000 $what in pods that are known`, async ({ flags }) => {
    // The agent found these pods by a scan: their first processes since are news.
    await Promise.all(NAMES.map((name) => node.pod(name).dial('forks', 1)))
    const before = await node.report()
    const made = await Promise.all(NAMES.map((name) => node.pod(name).dial('forks', FORKS / 2, ...flags)))
    expect(made).toMatchObject([
      { ok: true, forks: FORKS / 2 },
      { ok: true, forks: FORKS / 2 }
    ])
    const after = await node.report()
    expect((after.counters.events ?? 0) - (before.counters.events ?? 0)).toBe(0)
    expect(after.wakeups - before.wakeups).toBe(0)
  })

  it('wakes once or twice for a new pod, and enrols it by events alone', async () => {
    const before = await node.report()
    const late = await node.world.pod({ name: 'late', annotations: { [JOIN]: 'true' } })
    const after = await node.agent.untilPod(late, 'enrolled')
    const events = (after.counters.events ?? 0) - (before.counters.events ?? 0)
    expect(events).toBe(2)
    expect(after.wakeups - before.wakeups).toBeGreaterThanOrEqual(1)
    expect(after.wakeups - before.wakeups).toBeLessThanOrEqual(2)
    expect(after.resyncs).toBe(0)
  })

  it('hears of a pod’s end', async () => {
    const short = await node.world.pod('short')
    await node.agent.untilPod(short, 'outside')
    await short.remove()
    await node.agent.until(({ pods }) => pods.every(({ uid }) => uid !== short.uid))
    expect((await node.report()).resyncs).toBe(0)
  })
})

describe('with events turned off', () => {
  const node = mesh({
    agent: { config: { processEvents: false, scanInterval: '1s' } },
    ztunnel: { standIn: true }
  })

  it('finds a pod by a resync that is counted, and by nothing else', async () => {
    const { resyncs } = await node.agent.until((report) => report.resyncs > 0)
    const { resyncs: before } = await node.agent.until((report) => report.resyncs > resyncs)
    const late = await node.world.pod({ name: 'late', annotations: { [JOIN]: 'true' } })
    const found = await node.agent.until(({ pods }) => pods.some(({ cgroup }) => cgroup?.includes(late.uid)))
    expect(found.resyncs).toBeGreaterThan(before)
    const { counters } = await node.agent.untilPod(late, 'enrolled')
    expect(counters.events).toBe(0)
  })
})

describe('with a ring buffer that is too small', () => {
  const PODS = 30
  const node = mesh({
    agent: { config: { ringBufferBytes: 4096, scanInterval: '0s' } },
    ztunnel: { standIn: true }
  })

  it('counts what it loses, scans, and loses no pod', async () => {
    node.agent.pause()
    const pods = await Promise.all(
      Array.from({ length: PODS }, (_, index) =>
        node.world.pod({ name: `many-${index}`, annotations: { [JOIN]: 'true' } })
      )
    )
    node.agent.resume()
    for (const pod of pods) await node.agent.untilPod(pod, 'enrolled')
    const { counters, resyncs } = await node.report()
    expect(counters.events_lost).toBeGreaterThan(0)
    expect(resyncs).toBeGreaterThan(0)
    await node.agent.waitForLog(({ msg }) => msg === 'events were lost: all cgroups are scanned')
  })
})
