// SPDX-License-Identifier: Apache-2.0
// Each thing that the agent made is broken by hand: it is put back, counted and told, and the pod is steered again.

import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { BpfObject, Link } from '#native'
import { addressOf } from '../../../observer/maps/address.ts'
import { eraseListeners } from '../setup/listeners.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { endpoint, expectSteered } from '../setup/route.ts'
import { inside, kernelOf, linkPath, type MapName, openMap, pinned, SYSCTLS, TABLE } from './kernel.ts'

const PORT = 8080
const OBJECTS = join(import.meta.dirname, '../../../build/kernel')

const node = mesh({
  enrolled: [{ name: 'app', probe: PORT }],
  plain: ['plain'],
  outsiders: ['server'],
  agent: ({ prefix }) => ({
    config: {
      verifyInterval: '200ms',
      kubelet: { cgroup: `/${prefix}/kubelet.service`, addresses: ['192.0.2.77', '2001:db8::77'] },
      metrics: { address: '127.0.0.1:0' }
    }
  })
})
const app = () => node.pod('app')

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
  await node.agent.untilPod(app(), 'verified')
})

type Break = () => unknown
type Row = readonly [what: string, kind: string, broken: Break]

function detach(program: string): Row {
  const broken = () => {
    using link = Link.openPinned(linkPath(node.world, program))
    link.detach()
  }
  return [`${program} is detached`, program === 'lookup' ? 'lookup' : 'hook', broken]
}

function unpin(program: string): Row {
  const broken = () => unlinkSync(linkPath(node.world, program))
  return [`the pin of ${program} is removed`, program === 'lookup' ? 'lookup' : 'hook', broken]
}

function replace(program: string, file: string): Row {
  const broken = () => {
    using object = BpfObject.load(join(OBJECTS, file), {})
    using link = Link.openPinned(linkPath(node.world, program))
    link.update(object.program(program))
  }
  return [`another program takes the place of ${program}`, program === 'lookup' ? 'lookup' : 'hook', broken]
}

type Entry = Record<string, unknown>

/** @param change of the first entry; undefined: it is deleted */
function entry(map: MapName, what: string, change: ((value: Entry) => unknown) | undefined): Row {
  const broken = async () => {
    const [cgroup, netns] = await identity()
    using opened = openMap(node.world, map)
    const own = opened.entries().filter(([key, value]) => isAbout(key, value, cgroup, netns))
    const [[key, value] = []] = own
    if (key === undefined) throw new Error(`${map}: nothing there`)
    if (change === undefined) opened.delete(key)
    else opened.set(key, change(value as Entry))
  }
  return [`${map}: ${what}`, 'entry', broken]
}

async function identity(): Promise<readonly [bigint, bigint]> {
  const { pods } = await node.report()
  const pod = pods.find(({ uid }) => uid === app().uid)
  return [BigInt(String((pod as { cgroupId?: string } | undefined)?.cgroupId)), BigInt(String(pod?.netns))]
}

/** Entries of the node as a whole, and those of the pod. */
function isAbout(key: unknown, value: unknown, cgroup: bigint, netns: bigint): boolean {
  if (typeof key === 'bigint') {
    const isPods = typeof value === 'object' && value !== null && 'pod_level' in value
    return isPods || key === cgroup || key === netns
  }
  if (typeof key === 'number')
    return !(value instanceof Object) || !('cgroup' in value) || value.cgroup !== 0n
  if (key instanceof Object && 'netns' in key) return key.netns === netns
  return value === netns
}

const strangeAddress = async () => {
  const [, netns] = await identity()
  using map = openMap(node.world, 'own_addr')
  map.set({ netns, addr: { word: [0, 0, 0xffff_0000, 0x0909_0909] } }, 1)
}

const strangePort = async () => {
  const [, netns] = await identity()
  using map = openMap(node.world, 'probe_port')
  map.set({ netns, port: 22 }, { passed: 0n, from: { word: [0, 0, 0, 0] } })
}

/** Of whom probes may come from: one was named of each family. */
function lostProber(family: (typeof FAMILIES)[number]): Row {
  const broken = () => {
    using map = openMap(node.world, 'node_addr')
    map.delete(addressOf(family === 'ipv4' ? '192.0.2.77' : '2001:db8::77'))
  }
  return [`node_addr: the ${family} address is deleted`, 'entry', broken]
}

const VERDICT_PASS = 1

const PROGRAMS = ['setsockopt', 'ztunnel_tcp', 'kubelet_tcp'].concat(
  ['connect', 'sendmsg', 'recvmsg', 'getpeername'].flatMap((name) => [`${name}4`, `${name}6`])
)

const KERNEL: readonly Row[] = [
  ...PROGRAMS.map(detach),
  detach('lookup'),
  ...['connect4', 'lookup', 'handle_mkdir', 'ztunnel_tcp'].map(unpin),
  replace('connect4', 'connect.bpf.o'),
  replace('lookup', 'lookup.bpf.o'),
  ['the pin of a map is removed', 'pin', () => unlinkSync(pinned(node.world, 'maps', 'cgroup_pod'))],
  entry('cgroup_pod', 'the entry is deleted', undefined),
  entry('cgroup_pod', 'the verdict is changed', (pod) => ({ ...pod, verdict: VERDICT_PASS })),
  entry('cgroup_pod', 'the namespace is changed', (pod) => ({ ...pod, netns: 1n })),
  entry('netns_pod', 'the entry is deleted', undefined),
  entry('netns_pod', 'the verdict is changed', (pod) => ({ ...pod, verdict: VERDICT_PASS })),
  entry('netns_pod', 'the flags are changed', (pod) => ({ ...pod, flags: 0 })),
  entry('netns_pod', 'the addresses are changed', (pod) => ({
    ...pod,
    ip: [{ word: [0, 0, 0, 1] }, { word: [0, 0, 0, 2] }]
  })),
  entry('addr_netns', 'an address is deleted', undefined),
  entry('own_addr', 'an address is deleted', undefined),
  ['own_addr: an address is added', 'entry', strangeAddress],
  entry('pod_stat', 'the entry is deleted', undefined),
  entry('probe_port', 'a port is deleted', undefined),
  ['probe_port: a port is added', 'entry', strangePort],
  ...FAMILIES.map(lostProber),
  entry('settings', 'they are changed', (settings) => ({ ...settings, nested: 1, pod_level_max: 0 })),
  entry('mode', 'it is changed', () => 2),
  entry('role', 'ztunnel’s is taken away', () => ({ cgroup: 0n, level: 0, kind: 0 })),
  entry('cgroup_root', 'a root is deleted', undefined),
  ['ztunnel’s listeners are erased', 'listener', () => eraseListeners(node.world, app(), 'ztunnel')],
  ['the parked listener is erased', 'listener', () => eraseListeners(node.world, app(), 'parked')]
]

const ROUTING: readonly Row[] = FAMILIES.flatMap((family) => [
  ...[1, 2].map(
    (priority): Row => [`${family}: rule ${priority} is deleted`, 'rule', () => deleteRule(family, priority)]
  ),
  [`${family}: the route is deleted`, 'route', () => deleteRoutes(family)] as const
])

function deleteRule(family: (typeof FAMILIES)[number], priority: number): Promise<unknown> {
  return inside(app(), async (netns) => {
    const [rules] = await netns.run([{ op: 'rules', family }])
    const rule = rules.find((each) => each.priority === priority)
    if (rule === undefined) throw new Error(`rule ${priority}: not there`)
    return netns.run([{ op: 'delete-rule', rule }])
  })
}

function deleteRoutes(family: (typeof FAMILIES)[number]): Promise<unknown> {
  return inside(app(), async (netns) => {
    const [routes] = await netns.run([{ op: 'routes', family, table: TABLE }])
    return netns.run(routes.map((route) => ({ op: 'delete-route', route }) as const))
  })
}

const SETTINGS: readonly Row[] = SYSCTLS.map((name) => [
  `${name} is set to 0`,
  'sysctl',
  () => inside(app(), (netns) => netns.run([{ op: 'set-sysctl', name, value: '0' }]))
])

async function expectMended([what, kind, broken]: Row): Promise<void> {
  await expect.poll(() => kernelOf(node.world, [app()])).toEqual(whole)
  const before = (await node.report()).drift[kind] ?? 0
  await broken()
  const began = performance.now()
  await node.agent.until(({ drift }) => (drift[kind] ?? 0) > before)
  await expect.poll(() => kernelOf(node.world, [app()]), { interval: 10 }).toEqual(whole)
  times.push([what, performance.now() - began])
  for (const family of FAMILIES) {
    const address = node.outsider('server')[family]
    const connected = await app().connect(address, PORT)
    await expectSteered(node, connected, { from: app(), family, to: endpoint(address, PORT) })
  }
}

let whole: readonly string[] = []
const times: [string, number][] = []

describe('what somebody else breaks is put back, counted and told', () => {
  beforeAll(async () => {
    whole = await kernelOf(node.world, [app()])
  })

  it.each([...KERNEL, ...ROUTING, ...SETTINGS])('%s', (...row) => expectMended(row))

  it('is in `sluice status` and in the metrics, by its kind', async () => {
    const { drift } = await node.report()
    expect(Object.keys(drift).toSorted()).toEqual([
      'entry',
      'hook',
      'listener',
      'lookup',
      'pin',
      'route',
      'rule',
      'sysctl'
    ])
    const { stdout } = await node.agent.cli('status')
    const { address } = await node.agent.waitForLog(({ msg }) => msg === 'metrics are served')
    const metrics = await (await fetch(`http://${String(address)}/metrics`)).text()
    for (const [kind, count] of Object.entries(drift)) {
      expect(stdout).toMatch(new RegExp(`^Repaired: .*\\b${kind} ${count}\\b`, 'm'))
      expect(metrics).toContain(`sluice_drift_repaired_total{kind="${kind}"} ${count}`)
    }
    console.log(times.map(([what, ms]) => `${what}: ${ms.toFixed(0)} ms`).join('\n'))
  })
})
