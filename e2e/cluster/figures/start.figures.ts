// SPDX-License-Identifier: Apache-2.0
// A pod starts: from the mkdir of its cgroup to the application's first instructions, with Sluice and without, in turn.

import { watch } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { median } from '../../bench/figures.ts'
import type { TestNamespace } from '../kube/namespace.ts'
import { until } from '../kube/until.ts'
import { MODE } from '../mesh/names.ts'
import { openScene } from '../scene.ts'
import { print } from './figures.ts'

const scene = openScene()

const ROUNDS = 4
const PODS = 8

/** When each cgroup of a pod was made, by the pod's uid, ms since the epoch. */
function watchCgroups(directory: string) {
  const made = new Map<string, number>()
  const watcher = watch(directory, (_, name) => {
    const uid = name?.replace(/^pod/, '')
    if (uid !== undefined && !made.has(uid)) made.set(uid, Date.now())
  })
  return { made, [Symbol.dispose]: () => watcher.close() }
}

async function startOne(namespace: TestNamespace, name: string, made: ReadonlyMap<string, number>) {
  const pod = await namespace.run(name, { command: ['dial', 'pause'] })
  const uid = (await pod.object())?.metadata?.uid ?? ''
  const paused = await until(
    'the application has begun',
    async () => (await pod.log()).split('\n').find((line) => line.includes('"paused"')),
    (line) => line !== undefined
  )
  const { at } = JSON.parse(paused ?? '{}') as { at: number }
  await pod.remove()
  const cgroup = made.get(uid)
  if (cgroup === undefined) throw new Error(`nobody saw the cgroup of ${name} being made`)
  return at - cgroup
}

it('of a pod that starts', async ({ skip }) => {
  const { state } = scene
  if (state === null) return skip("the pod's cgroup is on the node")
  const namespace = await scene.namespace('starting')
  await namespace.label(MODE, 'ambient')
  // The first makes the QoS class's cgroup, and is not counted.
  const first = await namespace.run('first', { command: ['dial', 'pause'] })
  using cgroups = watchCgroups(join(state.cgroup, 'kubepods/besteffort'))
  const times = { with: [] as number[], without: [] as number[] }
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of round % 2 ? (['without', 'with'] as const) : (['with', 'without'] as const)) {
      if (way === 'with') await scene.sluice.install()
      else if (await scene.sluice.installed()) await scene.sluice.uninstall()
      for (let count = 0; count < PODS; count++)
        times[way].push(await startOne(namespace, `${way}-${round}-${count}`, cgroups.made))
    }
  }
  print('mkdir to application, with Sluice', times.with)
  print('mkdir to application, without', times.without)
  const ratio = median(times.with) / median(times.without)
  process.stdout.write(`figure: mkdir to application, with Sluice to without: x ${ratio.toFixed(2)}\n`)
  expect(times.with).toHaveLength(ROUNDS * PODS)
  await scene.sluice.install()
  await first.remove()
})
