// SPDX-License-Identifier: Apache-2.0
// A namespace of many pods is labelled: from the request until the agent has steered the last of them.

import type { V1PodList } from '@kubernetes/client-node'
import { expect, it } from 'vitest'
import { isReady } from '../kube/pod.ts'
import { until } from '../kube/until.ts'
import { MODE } from '../mesh/names.ts'
import { openScene } from '../scene.ts'
import { printRest } from './agent-process.ts'
import { print } from './figures.ts'

const scene = openScene()

/** A kubelet takes 110 pods; some are the cluster's own. */
const COUNT = Number(process.env.CROWD ?? 100)
const STARTING_MS = 600_000

interface Told {
  readonly event?: string
  readonly pod?: string
  readonly time?: string
}

it(`of a namespace of ${COUNT} pods that is labelled`, async () => {
  await scene.sluice.install()
  const namespace = await scene.namespace('crowd')
  const pods = async () => (await scene.api.ask<V1PodList>('GET', `${namespace.path}/pods`)).items
  const names = Array.from({ length: COUNT }, (_, index) => `pod${index}`)
  await Promise.all(names.map((name) => namespace.create(name, { command: ['dial', 'pause'] })))
  const patience = { timeoutMs: STARTING_MS, everyMs: 2000 }
  await until('all pods are ready', pods, (all) => all.every(isReady), patience)
  const agent = await scene.sluice.agent()
  /** When the agent told of each, ms since the epoch. Asking rarely leaves the processors to it. */
  const told = async (event: string, since: number) => {
    const lines = (await agent.log()).split('\n').filter((line) => line.startsWith('{'))
    return lines
      .map((line) => JSON.parse(line) as Told)
      .filter((line) => line.event === event && line.pod?.startsWith(`${namespace.name}/`))
      .map(({ time = '' }) => Date.parse(time) - since)
      .filter((after) => after >= 0)
  }
  const change = async (event: 'joined' | 'left', label: string | null) => {
    const asked = Date.now()
    await namespace.label(MODE, label)
    const all = (times: readonly number[]) => times.length === COUNT
    return await until(`all have ${event}`, () => told(event, asked), all, { everyMs: 2000 })
  }
  const joined = await change('joined', 'ambient')
  print(`label to each of ${COUNT} pods steered`, joined)
  process.stdout.write(`figure: label to all ${COUNT} pods steered: ${Math.max(...joined)} ms\n`)
  if (scene.state !== null) await printRest(scene, scene.state, COUNT)
  expect(await change('left', null)).toHaveLength(COUNT)
})
