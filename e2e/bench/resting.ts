// SPDX-License-Identifier: Apache-2.0
// The agent at rest: nothing happens, and it compares what it believes with the kernel again and again.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BpfObject } from '#native'
import type { Crowd } from './crowd.ts'
import { grouped, short } from './figures.ts'
import { cpuMs, residentMib } from './processes.ts'
import type { Section } from './section.ts'
import type { Stage } from './stage.ts'

const OBJECT = join(import.meta.dirname, '../../build/kernel-test/syscalls.bpf.o')

/** Waits until the agent has looked at each of the crowd once. */
export async function measureRest({ agent }: Stage, crowd: Crowd, seconds: number): Promise<Section> {
  await agent.until(({ pods }) => pods.filter(({ state }) => state === 'verified').length >= crowd.size)
  const { pid } = agent
  using object = BpfObject.load(OBJECT, { knobs: { caller_tgid: pid } })
  using _link = object.program('count_call').attachTracing()
  const calls = object.map<number, bigint>('calls')
  const made = () => calls.entries().map(([number, count]) => [number, Number(count)] as const)
  const [before, cpu, began] = [new Map(made()), cpuMs(pid), performance.now()]
  await sleep(seconds * 1000)
  const took = performance.now() - began
  const share = (cpuMs(pid) - cpu) / took
  const since = made().map(([number, count]) => [number, count - (before.get(number) ?? 0)] as const)
  const total = since.reduce((sum, [, count]) => sum + count, 0)
  const rss = residentMib(pid)
  const aSecond = (total / took) * 1000
  return {
    key: 'rest',
    title: `The agent at rest, ${crowd.size} pods in the mesh`,
    about: `${seconds} s in which nothing happens but the verification of every pod, again and again.`,
    columns: ['', 'figure'],
    rows: [
      ["agent's processor time, of one processor", `${short(share * 100)} %`],
      ['system calls a second', grouped(aSecond)],
      ['memory (RSS), MiB', short(rss)]
    ],
    remarks: [],
    data: {
      pods: crowd.size,
      seconds: took / 1000,
      processorShare: share,
      systemCallsPerSecond: aSecond,
      rssMib: rss,
      systemCallsByNumber: Object.fromEntries(since.filter(([, count]) => count > 0))
    }
  }
}
