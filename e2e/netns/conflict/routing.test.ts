// SPDX-License-Identifier: Apache-2.0
// Pods with policy routing of their own: it is kept for what is not steered, or the pod is refused by name.

import { beforeAll, describe, expect, it } from 'vitest'
import { host, Place, type Server } from '../../world/place.ts'
import { unattended } from '../setup/hook.ts'
import { FAMILIES, type Family, JOIN, mesh } from '../setup/mesh.ts'
import { clientSeen, endpoint, expectSteered } from '../setup/route.ts'
import { Segment } from '../setup/segment.ts'

const PORT = 8080
const UDP = 9000
const VERSION = { ipv4: '-4', ipv6: '-6' } as const
const BITS = { ipv4: 32, ipv6: 128 } as const

const OWN = { ipv4: '10.77.0.2', ipv6: 'fd77::2' }
const PEER = { ipv4: '10.77.0.3', ipv6: 'fd77::3' }
/** Behind the peer; only the pod's own routing leads there. */
const FAR = { ipv4: '10.78.0.9', ipv6: 'fd78::9' }

/** What the CNI plugin sbr writes: an address's own table. */
const SBR = (family: Family) => [
  ['rule', 'add', 'from', `${OWN[family]}/${BITS[family]}`, 'pref', '32765', 'lookup', '100'],
  ['route', 'add', 'default', 'via', PEER[family], 'dev', 'net1', 'table', '100']
]

/** What wg-quick writes for a tunnel that takes everything. */
const WIREGUARD = (family: Family) => [
  ['route', 'add', 'default', 'via', PEER[family], 'dev', 'net1', 'table', '51820'],
  ['rule', 'add', 'not', 'fwmark', '51820', 'pref', '32764', 'lookup', '51820'],
  ['rule', 'add', 'pref', '32763', 'lookup', 'main', 'suppress_prefixlength', '0']
]

const node = mesh({
  plain: ['sbr', 'wireguard', 'refused', 'later', 'client'],
  outsiders: ['server'],
  agent: { config: { verifyInterval: '300ms' } }
})
const pod = (name: string) => node.pod(name)
const peers = new Map<string, { place: Place; tcp: Server; udp: Server }>()

/** A second network of the pod, and somebody on it behind whom is another. */
async function secondNetwork(name: string, routing: (family: Family) => string[][]): Promise<void> {
  const there = pod(name)
  const segment = new Segment(node.world, name)
  await segment.open()
  await segment.attach(there.netns, 'net1', OWN)
  const netns = `${node.world.prefix}-peer-${name}`
  await segment.connect(netns, PEER)
  const place = new Place(`peer-${name}`, `${node.world.cgroup}/peer-${name}`, netns)
  await place.makeCgroup()
  for (const family of FAMILIES) {
    await place.ip('addr', 'add', `${FAR[family]}/${BITS[family]}`, 'dev', 'lo')
    for (const command of routing(family)) await there.ip(VERSION[family], ...command)
    // ztunnel's connection from another address of the pod finds its way back.
    await place.ip(VERSION[family], 'route', 'add', `${there[family]}/${BITS[family]}`, 'via', OWN[family])
  }
  const [tcp, udp] = [await place.serve(PORT), await place.serve(UDP, '--udp')]
  peers.set(name, { place, tcp, udp })
  await node.join(there)
}

function peer(name: string) {
  const found = peers.get(name)
  if (found === undefined) throw new Error(`${name}: no second network`)
  return found
}

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
  await secondNetwork('sbr', SBR)
  await secondNetwork('wireguard', WIREGUARD)
  for (const name of ['sbr', 'wireguard']) await pod(name).serve(PORT)
})

describe.each(['sbr', 'wireguard'])('a pod with routing of its own: %s', (name) => {
  it.each(FAMILIES)('is steered, on its first network and on its second: %s', async (family) => {
    for (const to of [node.outsider('server')[family], PEER[family]]) {
      if (name === 'wireguard' && to !== PEER[family]) continue
      const connected = await pod(name).connect(to, PORT)
      await expectSteeredTo(connected, endpoint(to, PORT))
    }
    const bound = await pod(name).connect(PEER[family], PORT, '--bind', OWN[family])
    expect(host(bound.local ?? '')).toBe(OWN[family])
    await expectSteeredTo(bound, endpoint(PEER[family], PORT))
  })

  async function expectSteeredTo(connected: Awaited<ReturnType<Place['connect']>>, to: string) {
    expect(connected).toMatchObject({ ok: true, peer: to, ended: 'line' })
    await node.ztunnel.waitForConnection({ direction: 'outbound', src: connected.local ?? '', dst: to })
    expect(clientSeen(connected)).not.toBe(connected.local)
  }

  it('lets nothing out when our routes are gone', async () => {
    const seen = peer(name).tcp.seen.length
    await unattended(node, async () => {
      for (const family of FAMILIES) {
        await pod(name).ip(VERSION[family], 'route', 'flush', 'table', '5151')
        expect(await pod(name).connect(PEER[family], PORT, '--timeout', 300)).toMatchObject({ ok: false })
        const bound = await pod(name).connect(FAR[family], PORT, '--bind', OWN[family], '--timeout', 300)
        expect(bound).toMatchObject({ ok: false })
      }
    })
    expect(peer(name).tcp.seen).toHaveLength(seen)
  })

  it.each(FAMILIES)(
    'answers who comes over the second network there, through ztunnel: %s',
    async (family) => {
      const connected = await peer(name).place.connect(OWN[family], PORT, '--bind', FAR[family])
      expect(connected).toMatchObject({ ok: true, ended: 'line' })
      expect(host(clientSeen(connected))).toBe(FAR[family])
      const dst = endpoint(OWN[family], PORT)
      await node.ztunnel.waitForConnection({ direction: 'inbound', src: connected.local ?? '', dst })
    }
  )

  it.each(FAMILIES)('keeps its routing for what is not steered: %s', async (family) => {
    const asked = await pod(name).connect(FAR[family], UDP, '--udp', '--bind', OWN[family])
    expect(asked).toMatchObject({ ok: true })
    expect(peer(name).udp.peers).toContain(OWN[family])
  })
})

type Conflict = readonly [what: string, add: string[], remove: string[], told: RegExp]

const CONFLICTS: readonly Conflict[] = [
  [
    'a rule with our mark',
    ['rule', 'add', 'fwmark', '0x51c/0xfff', 'pref', '100', 'lookup', '77'],
    ['rule', 'del', 'pref', '100'],
    /rule "100: from all fwmark 0x51c\/0xfff lookup 77" uses our mark 0x51c/
  ],
  [
    'a rule before ours',
    ['rule', 'add', 'pref', '1', 'lookup', '77'],
    ['rule', 'del', 'pref', '1', 'lookup', '77'],
    /rule "1: from all lookup 77" comes before ours \(1 and 2\)/
  ],
  [
    'a rule to our table',
    ['rule', 'add', 'pref', '100', 'lookup', '5151'],
    ['rule', 'del', 'pref', '100'],
    /rule "100: from all lookup 5151" uses our table 5151/
  ],
  [
    'a route in our table',
    ['route', 'add', 'blackhole', 'default', 'table', '5151', 'metric', '9'],
    ['route', 'flush', 'table', '5151', 'proto', 'boot'],
    /route default is in our table 5151/
  ]
]

describe('a pod whose routing meets ours', () => {
  it.each(
    CONFLICTS.flatMap((conflict) => FAMILIES.map((family) => [conflict[0], family, conflict] as const))
  )('is refused by name until that changes: %s, %s', async (_, family, [, add, remove, told]) => {
    const there = pod('refused')
    await there.ip(VERSION[family], ...add)
    await there.annotate(JOIN, 'true')
    await node.agent.untilPod(there, 'failed')
    const { pods } = await node.report()
    const { lastError = '' } = pods.find(({ uid }) => uid === there.uid) ?? {}
    expect(lastError).toMatch(told)
    expect(lastError).toContain(family)
    expect(lastError).toContain('steering.priority, steering.mark or steering.table')
    await there.ip(VERSION[family], ...remove)
    await node.agent.untilPod(there, 'enrolled')
    await node.leave(there)
  })

  it.each(FAMILIES)('by a rule that comes later is told as a condition: %s', async (family) => {
    const there = pod('later')
    await node.join(there)
    await there.ip(VERSION[family], 'rule', 'add', 'fwmark', '0x51c/0xfff', 'pref', '100', 'lookup', '77')
    const isTold = ({ uid, conditions }: { uid: string; conditions?: readonly { kind: string }[] }) =>
      uid === there.uid && conditions?.some(({ kind }) => kind === 'routing') === true
    await node.agent.until(({ pods }) => pods.some(isTold))
    const to = node.outsider('server')[family]
    await expectSteered(node, await there.connect(to, PORT), { from: there, family, to: endpoint(to, PORT) })
    await there.ip(VERSION[family], 'rule', 'del', 'pref', '100')
    await node.agent.until(({ pods }) => !pods.some(isTold))
  })
})

describe('the second network', () => {
  it('is there: without the mesh the pod is seen by its own address on it', async () => {
    await node.leave(pod('sbr'))
    const connected = await pod('sbr').connect(FAR.ipv4, PORT, '--bind', OWN.ipv4)
    expect(clientSeen(connected)).toBe(connected.local)
  })
})
