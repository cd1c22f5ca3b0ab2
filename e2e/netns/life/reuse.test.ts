// SPDX-License-Identifier: Apache-2.0
// An address is free for the next pod before the former's cgroup is gone.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../world/pod.ts'
import { FAMILIES, JOIN, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'

const PORT = 8080

/** As a CNI plugin leaves a pod whose device ends with its namespace, which the agent has open. */
async function releaseAddresses(pod: Pod): Promise<void> {
  await pod.kill()
  await pod.sysctl('net.ipv6.conf.eth0.keep_addr_on_down', 1)
  await pod.ip('link', 'set', 'eth0', 'down')
}

describe('the address of a pod that ends', () => {
  const node = mesh({
    enrolled: ['former'],
    agent: ({ prefix }) => ({
      // No round puts back what is taken away.
      config: { verifyInterval: '1h', kubelet: { cgroup: `/${prefix}/kubelet.service` } }
    }),
    ztunnel: { standIn: true }
  })
  let next: Pod

  beforeAll(async () => {
    const former = node.pod('former')
    await releaseAddresses(former)
    const { ipv4, ipv6 } = former
    next = await node.world.pod({ name: 'next', ipv4, ipv6, annotations: { [JOIN]: 'true' } })
    await node.agent.untilPod(next, 'verified')
    await next.serve(PORT)
    await former.remove()
    await node.agent.until(({ pods }) => pods.every(({ name }) => name !== 'former'))
  })

  it.each(FAMILIES)('is the next pod’s, whose probes stay exempt: %s', async (family) => {
    expectPlain(await node.world.kubelet.connect(next[family], PORT))
    expect((await node.report()).drift.entry).toBeUndefined()
  })
})
