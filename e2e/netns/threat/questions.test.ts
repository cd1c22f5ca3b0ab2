// SPDX-License-Identifier: Apache-2.0
// A question to a resolver that names its source or its device itself: in a pod of the mesh, in one that has Istio's
// rules instead, and in one that has nothing, whose question arrives.

import { beforeAll, describe, expect, it } from 'vitest'
import { captureByIptables } from '../../world/iptables.ts'
import { host } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import { answerers, ask, INSIDE, type Kind, Resolver } from '../dns/asked.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'

const KINDS: readonly (readonly [Kind, ...string[]])[] = [
  ['connected'],
  ['unconnected'],
  ['sendmmsg', '--type', 'both'],
  ['sendmmsg-to', '--type', 'both']
]
const QUESTIONS = 6

type Way = readonly [what: string, options: (pod: Pod, family: Family) => readonly string[]]

const WAYS: readonly Way[] = [
  ['the pod’s source, as ancillary data', (pod, family) => ['--source', pod.address(family)]],
  ['a device, as ancillary data', () => ['--through', 'eth0']],
  ['both, as ancillary data', (pod, family) => ['--source', pod.address(family), '--through', 'eth0']],
  ['a unicast interface', () => ['--unicast-if', 'eth0']]
]

const node = mesh({
  enrolled: ['sluice'],
  plain: ['nothing', 'iptables'],
  outsiders: ['server'],
  ztunnel: { hostnames: [INSIDE] }
})
let resolver: Resolver
const server = (family: Family) => node.outsider('server')[family]

beforeAll(async () => {
  resolver = await Resolver.start(node.outsider('server'))
  await captureByIptables(node.pod('iptables'))
})

function heardFrom(name: string): number {
  const { ipv4, ipv6 } = node.pod(name)
  return resolver.heard.filter(({ src }) => [ipv4, ipv6].includes(host(src))).length
}

describe('a question over UDP that names', () => {
  it.each(WAYS.flatMap(([what, options]) => FAMILIES.map((family) => [what, family, options] as const)))(
    '%s is not heard by the server: %s',
    async (_, family, options) => {
      const asked = (name: string) => {
        const pod = node.pod(name)
        const named = [...options(pod, family), '--timeout', 300]
        return Promise.all(
          KINDS.map(([kind, ...types]) => ask(pod, kind, [server(family)], ...types, ...named))
        )
      }
      const before = heardFrom('nothing')
      await Promise.all([asked('sluice'), asked('iptables')])
      await asked('nothing')
      await expect.poll(() => heardFrom('nothing')).toBe(before + QUESTIONS)
      expect(['sluice', 'iptables'].map(heardFrom)).toEqual([0, 0])
    }
  )

  it.each(FAMILIES)(
    'the pod’s source alone, on an unconnected socket, is answered by ztunnel: %s',
    async (family) => {
      const pod = node.pod('sluice')
      for (const kind of ['unconnected', 'sendmmsg-to'] as const) {
        const asked = await ask(pod, kind, [server(family)], '--source', pod.address(family))
        expect(answerers(asked), JSON.stringify(asked)).toEqual(['ztunnel'])
      }
    }
  )
})
