// SPDX-License-Identifier: Apache-2.0
// While the agent hears nothing of the API server enrolled pods keep their steering; what changed meanwhile follows.

import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import type { TestNamespace } from './kube/namespace.ts'
import { until } from './kube/until.ts'
import { Carried } from './mesh/carried.ts'
import { AMBIENT, MODE } from './mesh/names.ts'
import { Talker } from './mesh/talker.ts'
import { cutConnections } from './node/cut.ts'
import { restartApiServer } from './node/restart.ts'
import { openScene } from './scene.ts'

const scene = openScene()
const carried = new Carried(scene)

const CUTS = 60

let namespace: TestNamespace
let address: string

beforeAll(async () => {
  await scene.sluice.install()
  namespace = await scene.namespace('outage', { labels: { [MODE]: 'ambient' } })
  const outside = await scene.namespace('outage-outside')
  const [first = ''] = await (await outside.run('server')).addresses()
  address = first
})

describe('the API server', () => {
  it('may be restarted', async ({ skip }) => {
    if (scene.state === null) return skip("it is not this test's to restart")
    const talker = await Talker.start(namespace, 'restarted', address, scene.ztunnel)
    await carried.joined(talker.pod)
    const before = await talker.goesOn(0)
    await restartApiServer(scene.state, 5000)
    expect(await talker.expectCarried(before)).toBeGreaterThan(20)
    await talker.pod.annotate(AMBIENT, 'false')
    await carried.left(talker.pod)
    await carried.plain(talker.pod, address)
    await talker.pod.annotate(AMBIENT, null)
    await carried.joined(talker.pod)
  })
})

describe('the watches', () => {
  it(`may be cut every second, ${CUTS} times`, async ({ skip }) => {
    if (scene.state === null) return skip("connections are cut in the agent's network namespace")
    const talker = await Talker.start(namespace, 'cut', address, scene.ztunnel)
    const changing = await namespace.run('changing')
    await carried.joined(talker.pod)
    const before = await talker.goesOn(0)
    const agent = await scene.sluice.agent()
    let cut = 0
    for (let count = 0; count < CUTS; count++) {
      cut += await cutConnections(scene.state, (await agent.object())?.metadata?.uid ?? '')
      if (count === CUTS / 2) await changing.annotate(AMBIENT, 'false')
      await sleep(1000)
    }
    expect(cut).toBeGreaterThan(CUTS / 2)
    expect(await talker.expectCarried(before)).toBeGreaterThan(CUTS)
    await carried.left(changing)
    const late = await namespace.run('late')
    await until('the agent knows all pods', () => scene.sluice.report(late))
    await carried.joined(late)
    await carried.steered(late, address)
  })
})
