// SPDX-License-Identifier: Apache-2.0
// A pod with CAP_NET_ADMIN gives itself a neighbour's addresses, so that the kubelet's probes of the neighbour are not
// exempt any more. That an address goes to the pod that the source names is the control: life/reuse.

import { beforeAll, describe, expect, it } from 'vitest'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { expectPlain } from '../setup/route.ts'
import { openMap } from '../verify/kernel.ts'

const PORT = 8080
/** Whose addresses the source does not name, and whose it does. */
const VICTIMS = ['unnamed', 'named'] as const

const node = mesh({
  enrolled: [{ name: 'unnamed', statusIps: false }, 'named', 'mallory', { name: 'late', statusIps: false }],
  agent: ({ prefix }) => ({
    config: { kubelet: { cgroup: `/${prefix}/kubelet.service` }, verifyInterval: '300ms' }
  }),
  ztunnel: { standIn: true }
})

beforeAll(async () => {
  for (const victim of VICTIMS) await node.pod(victim).serve(PORT)
})

/** Nobody is misled: mallory answers no question for whose an address is. */
async function take(thief: string, victim: string): Promise<void> {
  const { ipv4, ipv6 } = node.pod(victim)
  const pod = node.pod(thief)
  await pod.ip('link', 'set', 'eth0', 'arp', 'off')
  await pod.ip('addr', 'flush', 'dev', 'eth0', 'scope', 'global')
  await pod.ip('addr', 'add', `${ipv4}/24`, 'dev', 'eth0')
  await pod.ip('addr', 'add', `${ipv6}/64`, 'dev', 'eth0', 'nodad')
  await node.agent.until(({ pods }) =>
    pods.some(({ name, ips }) => name === thief && ips.includes(ipv4) && ips.includes(ipv6))
  )
}

describe.each(['mallory', 'late'])('a pod (%s) that gives itself', (thief) => {
  describe.each(VICTIMS)('the addresses of a pod whose addresses are %s', (victim) => {
    beforeAll(() => take(thief, victim))

    it.each(FAMILIES)('leaves it its exemption of the kubelet’s probes: %s', async (family) => {
      expectPlain(await node.world.kubelet.connect(node.pod(victim)[family], PORT))
    })

    it('is no drift, round after round', async () => {
      const before = (await node.report()).drift.entry ?? 0
      for (const rounds of [1, 2]) {
        // What is missing is put back by the next round, which compares every entry of every pod.
        using counts = openMap(node.world, 'pod_stat')
        counts.delete(await node.pod(thief).cookie())
        await node.agent.until(({ drift }) => (drift.entry ?? 0) >= before + rounds)
      }
      expect((await node.report()).drift.entry).toBe(before + 2)
    })
  })
})
