// SPDX-License-Identifier: Apache-2.0
// A namespace of many pods, labelled and unlabelled while they run.

import type { V1PodList } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { isReady } from './kube/pod.ts'
import { until } from './kube/until.ts'
import { MODE, REDIRECTION } from './mesh/names.ts'
import { openScene } from './scene.ts'

const scene = openScene()

/** As many as a machine of two cores starts in a minute; CROWD says otherwise. */
const COUNT = Number(process.env.CROWD ?? 40)

describe(`a namespace of ${COUNT} pods`, () => {
  it('is in the mesh soon after it is labelled, and out of it after that', async () => {
    await scene.sluice.install()
    const namespace = await scene.namespace('crowd')
    const pods = async () => (await scene.api.ask<V1PodList>('GET', `${namespace.path}/pods`)).items
    const names = Array.from({ length: COUNT }, (_, index) => `pod${index}`)
    await Promise.all(names.map((name) => namespace.create(name, { command: ['dial', 'pause'] })))
    await until('all pods are ready', pods, (all) => all.every(isReady), {
      timeoutMs: 240_000,
      everyMs: 1000
    })
    const redirected = (value: string | undefined) => (all: Awaited<ReturnType<typeof pods>>) =>
      all.length === COUNT && all.every(({ metadata }) => metadata?.annotations?.[REDIRECTION] === value)
    const labelledAt = performance.now()
    await namespace.label(MODE, 'ambient')
    await until('all pods have joined', pods, redirected('enabled'), { timeoutMs: 120_000 })
    const joined = performance.now() - labelledAt
    const own = await scene.sluice.pods(namespace.name)
    expect(own).toHaveLength(COUNT)
    expect(own.every(({ state }) => state === 'enrolled' || state === 'verified')).toBe(true)
    const unlabelledAt = performance.now()
    await namespace.label(MODE, null)
    await until('all pods have left', pods, redirected(undefined), { timeoutMs: 120_000 })
    const left = performance.now() - unlabelledAt
    process.stdout.write(
      `cluster: ${COUNT} pods joined within ${joined.toFixed(0)} ms of the label, left within ${left.toFixed(0)} ms\n`
    )
  })
})
