// SPDX-License-Identifier: Apache-2.0
// A pod gives itself more addresses than there is room for in the map that all pods share.

import { beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../world/running.ts'
import { FAMILIES, JOIN, mesh } from '../setup/mesh.ts'
import { endpoint, expectSteered } from '../setup/route.ts'

const PORT = 8080
/** Of all pods together: own_addr then has room for 256 addresses. */
const PODS = 8
const ADDED = 150

const node = mesh({
  enrolled: ['mallory', 'app'],
  plain: ['later'],
  outsiders: ['server'],
  agent: { config: { maxPods: PODS } }
})

describe('a pod with more addresses than all pods are given', () => {
  beforeAll(async () => {
    await node.outsider('server').serve(PORT)
    const addresses = Array.from({ length: ADDED }, (_, index) => [
      `addr add 10.66.0.${index + 1}/32 dev lo`,
      `addr add fd66::${(index + 1).toString(16)}/128 dev lo`
    ])
    await must(['ip', '-n', node.pod('mallory').netns, '-batch', '-'], addresses.flat().join('\n'))
    await node.agent.until(({ pods }) =>
      pods.some(({ conditions = [] }) => conditions.some(({ kind }) => kind === 'addresses'))
    )
  })

  it('is told of, and captured as before', async () => {
    const told = await node.agent.until(({ pods }) =>
      // Two addresses are the pod's own, and with fe80:: the first 32 of the others are known.
      pods.some(({ conditions = [] }) => conditions[0]?.message.startsWith(`${2 * ADDED + 1 - 32} addresses`))
    )
    const { conditions } = told.pods.find(({ name }) => name === 'mallory') ?? {}
    expect(conditions).toEqual([
      { kind: 'addresses', message: expect.stringMatching(/too many; .* dropped/) as string }
    ])
    for (const family of FAMILIES) {
      const server = node.outsider('server')[family]
      const connected = await node.pod('mallory').connect(server, PORT)
      await expectSteered(node, connected, { from: node.pod('mallory'), family, to: endpoint(server, PORT) })
    }
  })

  it('keeps nobody out of the mesh: pods join, and new ones are enrolled', async () => {
    const later = node.pod('later')
    await node.join(later)
    for (const family of FAMILIES) {
      const server = node.outsider('server')[family]
      const connected = await later.connect(server, PORT)
      await expectSteered(node, connected, { from: later, family, to: endpoint(server, PORT) })
    }
    const fresh = await node.world.pod({ name: 'fresh', annotations: { [JOIN]: 'true' } })
    await node.agent.untilPod(fresh, 'verified')
  })

  it('is told of no longer when they are gone', async () => {
    await node.pod('mallory').ip('addr', 'flush', 'dev', 'lo', 'scope', 'global')
    await node.agent.until(({ pods }) => pods.every(({ conditions = [] }) => conditions.length === 0))
  })
})
