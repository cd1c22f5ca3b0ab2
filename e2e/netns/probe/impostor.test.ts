// SPDX-License-Identifier: Apache-2.0
// Whoever calls a program kubelet is not the kubelet.

import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { Place } from '../../world/place.ts'
import { alone } from '../setup/alone.ts'
import { mesh } from '../setup/mesh.ts'
import { isExempt, PORT, startKubelet, untilExempt } from './exempt.ts'

const USER = ['setpriv', '--reuid', 1000, '--regid', 1000, '--clear-groups']
const CONTAINER = ['unshare', '--user', '--map-root-user']

describe('a process named kubelet, older than the kubelet itself', () => {
  const node = mesh({
    enrolled: ['app'],
    plain: ['plain', { name: 'node-agent', hostNetwork: true }],
    agent: (world) => alone(world, { verifyInterval: '300ms' })
  })
  const at = (name: string, netns = '-') => new Place(name, join(node.world.cgroup, name), netns)
  let services = 0

  beforeAll(() => node.pod('app').serve(PORT))

  it.each<[string, () => Promise<Place>, readonly (string | number)[]]>([
    ['in a pod', () => node.pod('plain').container(), []],
    ['in a pod of the node’s own network', () => node.pod('node-agent').container(), []],
    ['in another network namespace', async () => at('elsewhere', node.pod('plain').netns), []],
    ['of a user of the node', async () => at('session'), USER],
    ['of a user namespace', async () => at('rootless'), CONTAINER]
  ])('is nobody’s probe, and keeps the kubelet from nothing: %s', async (_, where, by) => {
    const place = await where()
    const impostor = await startKubelet(node, place, by)
    // Where a kubelet was before, the agent would prefer it to any other.
    const service = at(`kubelet-${services++}.service`)
    const kubelet = await startKubelet(node, service)
    await untilExempt(node, service)
    expect(await isExempt(node, place)).toBe(false)
    await Promise.all([impostor.stop(), kubelet.stop()])
  })
})

describe('a cgroup of pods that is configured as the kubelet’s', () => {
  const node = mesh({
    enrolled: ['app'],
    plain: ['plain'],
    agent: ({ prefix }) => ({
      config: { verifyInterval: '300ms', kubelet: { cgroup: `/${prefix}/kubepods` } }
    })
  })
  beforeAll(() => node.pod('app').serve(PORT))

  it('is refused, which is told', async () => {
    await node.agent.until(({ agent }) =>
      (agent.problems ?? []).some((problem) =>
        /\/kubepods, said to be the kubelet's, is a pod's/.test(problem)
      )
    )
    expect(await isExempt(node, node.pod('plain'))).toBe(false)
  })
})
