// SPDX-License-Identifier: Apache-2.0
// `make bench-cluster`: how long a change takes from the API to the first connection, and what the agent costs.

import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { TestNamespace } from './kube/namespace.ts'
import type { Pod } from './kube/pod.ts'
import { Carried } from './mesh/carried.ts'
import { AMBIENT, REDIRECTION } from './mesh/names.ts'
import { podProcesses } from './node/processes.ts'
import { openScene } from './scene.ts'

const scene = openScene()
const carried = new Carried(scene)

const CHANGES = 100
const REST_MS = 30_000
/** USER_HZ of every Linux that Node.js runs on. */
const TICK_MS = 10

interface Dialled {
  readonly ok: boolean
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly local: string
  readonly data: string
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0
}

function print(what: string, values: readonly number[]): void {
  const [p50, p99] = [percentile(values, 0.5), percentile(values, 0.99)].map((value) => value.toFixed(0))
  process.stdout.write(`${what}: p50 ${p50} ms, p99 ${p99} ms (${values.length})\n`)
}

/** The server is dialled from the pod's own port, unless ztunnel is between. */
function isSteered({ local, data }: Dialled): boolean {
  return !data.includes(`peer=${local} `)
}

async function dialled(pod: Pod): Promise<Dialled[]> {
  const lines = (await pod.log()).split('\n').filter((line) => line.startsWith('{"ok":true'))
  return lines.map((line) => JSON.parse(line) as Dialled)
}

/** From each moment to the first connection after it that is such. */
function delays(moments: readonly number[], made: readonly Dialled[], steered: boolean): number[] {
  return moments.map((moment) => {
    const first = made.find((each) => each.at >= moment && isSteered(each) === steered)
    if (first === undefined) throw new Error('the log ends before the change took effect')
    return first.at - moment
  })
}

describe('figures', () => {
  let namespace: TestNamespace
  let address: string

  beforeAll(async () => {
    await scene.sluice.install()
    namespace = await scene.namespace('figures')
    const [first = ''] = await (await namespace.run('server')).addresses()
    address = first
  })

  it('of a pod that is annotated and un-annotated', async () => {
    const command = ['dial', 'connect', address, '8080', '--count', '10000000', '--interval', '1', '--each']
    const pod = await namespace.run('changing', { command })
    const annotated: number[] = []
    const unannotated: number[] = []
    for (let count = 0; count < CHANGES; count++) {
      annotated.push(Date.now())
      await pod.annotate(AMBIENT, 'true')
      await carried.joined(pod)
      unannotated.push(Date.now())
      await pod.annotate(AMBIENT, null)
      await pod.until('left', ({ metadata }) => metadata?.annotations?.[REDIRECTION] === undefined)
    }
    await sleep(500)
    const made = await dialled(pod)
    print('annotate -> first steered connection', delays(annotated, made, true))
    print('un-annotate -> first plain connection', delays(unannotated, made, false))
    expect(annotated).toHaveLength(CHANGES)
  })

  it('of the agent at rest', async ({ skip }) => {
    if (scene.state === null) return skip("the agent's process is on the node")
    const uid = (await (await scene.sluice.agent()).object())?.metadata?.uid ?? ''
    const processes = await podProcesses(scene.state, uid)
    const names = await Promise.all(processes.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')))
    const pid = processes[names.findIndex((name) => name.includes('sluice'))]
    const ticks = async () => {
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
      return Number(fields[11]) + Number(fields[12])
    }
    const before = await ticks()
    await sleep(REST_MS)
    const busy = (((await ticks()) - before) * TICK_MS) / REST_MS
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]
    process.stdout.write(
      `agent at rest: ${(Number(rss) / 1024).toFixed(0)} MiB, ${(busy * 100).toFixed(1)} % of a core\n`
    )
    expect(Number(rss)).toBeGreaterThan(0)
  })
})
