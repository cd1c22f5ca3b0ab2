// SPDX-License-Identifier: Apache-2.0
// ztunnels that answer DNS and ztunnels that do not, one after the other.

import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Place } from '../../world/place.ts'
import type { Answerer } from '../../ztunnel/answer.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { answerers, ask, INSIDE, Resolver } from './asked.ts'

const KINDS = ['connected', 'unconnected', 'tcp'] as const

const node = mesh({
  enrolled: ['app'],
  outsiders: ['server'],
  agent: { config: { verifyInterval: '300ms' } },
  ztunnel: { hostnames: [INSIDE] }
})

/** Two that overlap have a network each, as their pods would. */
async function placeBeside(name: string): Promise<Place> {
  const { world } = node
  const place = new Place(name, join(world.cgroup, 'ztunnel', name), `${world.prefix}-${name}`)
  await place.makeCgroup()
  await world.bridge.connect(place.netns, world.bridge.allocate())
  return place
}

async function untilAnsweredBy(who: Answerer): Promise<void> {
  for (const family of FAMILIES)
    for (const kind of KINDS)
      await expect
        .poll(async () => answerers(await ask(node.pod('app'), kind, [node.outsider('server')[family]])), {
          message: `${family}, ${kind}`
        })
        .toEqual([who])
}

describe('a pod that is enrolled asks', () => {
  beforeAll(() => Resolver.start(node.outsider('server')))

  it('its resolver itself when the next ztunnel answers no DNS', async () => {
    await untilAnsweredBy('ztunnel')
    await node.ztunnel.stop()
    await node.startZtunnel({ dns: false })
    await untilAnsweredBy('server')
  })

  it('ztunnel again when one that answers takes over, and its resolver when that one goes', async () => {
    const former = node.ztunnel
    const next = await node.startZtunnel({ hostnames: [INSIDE], place: await placeBeside('next') })
    await untilAnsweredBy('ztunnel')
    await former.stop()
    await untilAnsweredBy('ztunnel')
    await node.startZtunnel({ dns: false, place: await placeBeside('last') })
    await next.stop()
    await untilAnsweredBy('server')
    expect((await node.report()).drift.entry).toBeUndefined()
  })
})
