// SPDX-License-Identifier: Apache-2.0
// The programs see every cgroup and process of the machine: a test looks at its own cgroups only.

import { hrtime } from 'node:process'
import { describe, expect, it } from 'vitest'
import { counter, type Event, event_kind, verdict } from '#contract'
import { type BpfObject, Netns, RingBuffer } from '#native'
import type { KernelMaps } from '../../observer/maps/kernel-maps.ts'
import { closing, counted, kernelObject } from './built.ts'
import { type Cgroup, temporaryCgroup } from './cgroups.ts'
import { temporaryPins } from './pins.ts'

const ONLY = 0
const SECOND = 1_000_000_000n
const { EVENT_POD_ADDED, EVENT_POD_REMOVED, EVENT_POD_NETNS, EVENT_ROOT_ADDED } = event_kind

interface Options {
  strict?: boolean
  /** How long ago the agent gave its last sign of life. */
  heartbeatAge?: bigint
  maxPods?: number
}

async function observed({ strict = false, heartbeatAge = 0n, maxPods = 100 }: Options = {}) {
  const root = await temporaryCgroup()
  const kubepods = root.make('kubepods')
  using host = Netns.open('/proc/self/ns/net')
  const [cookie] = await host.run([{ op: 'cookie' }])
  const pinMapsIn = temporaryPins()
  const load = () =>
    kernelObject('observe', {
      pinMapsIn,
      knobs: { host_netns: cookie, heartbeat_stale_ns: SECOND * 30n },
      maxEntries: { cgroup_pod: maxPods, events: 256 * 1024 }
    })
  const attach = (loaded: BpfObject) => {
    for (const name of loaded.programNames) closing(loaded.program(name).attachTracing())
  }
  const object = load()
  const map = <Name extends keyof KernelMaps>(name: Name) => object.map(name) as KernelMaps[Name]
  map('settings').set(ONLY, {
    strict: strict ? 1 : 0,
    nested: 0,
    pod_level_min: kubepods.level + 1,
    pod_level_max: kubepods.level + 2
  })
  map('heartbeat').set(ONLY, hrtime.bigint() - heartbeatAge)
  map('cgroup_root').set(kubepods.id, { pod_level: kubepods.level + 1 })
  const events: Event[] = []
  const layout = object.layout('event')
  const ring = closing(
    new RingBuffer(object.map('events'), (records) => {
      events.push(...records.map((record) => layout.decode(record) as Event))
    })
  )
  attach(object)
  const eventsOf = ({ id }: Cgroup) => {
    ring.flush()
    return events.filter(({ cgroup }) => cgroup === id)
  }
  /** Another agent's programs, beside the first ones and with their maps. */
  const attachAnother = () => attach(load())
  return { kubepods, map, eventsOf, root, attachAnother }
}

describe('a cgroup made below a registered root', () => {
  it.each<[string, Options, boolean]>([
    ['is UNKNOWN while the heartbeat is fresh', { heartbeatAge: SECOND }, true],
    ['has no entry when the heartbeat is stale', { heartbeatAge: SECOND * 31n }, false],
    [
      'is UNKNOWN in strict mode, however old the heartbeat',
      { heartbeatAge: SECOND * 31n, strict: true },
      true
    ]
  ])('%s', async (_, options, held) => {
    const { kubepods, map, eventsOf } = await observed(options)
    const pod = kubepods.make('pod1')
    const entry = map('cgroup_pod').get(pod.id)
    if (held) expect(entry).toMatchObject({ verdict: verdict.VERDICT_UNKNOWN, cgroup: pod.id, netns: 0n })
    else expect(entry).toBeUndefined()
    expect(eventsOf(pod)).toMatchObject([{ kind: EVENT_POD_ADDED, name: 'pod1', level: pod.level }])
  })

  it('is told of once, and its containers are not', async () => {
    const { kubepods, map, eventsOf } = await observed()
    const pod = kubepods.make('pod1')
    const container = pod.make('container')
    expect(eventsOf(pod)).toHaveLength(1)
    expect(eventsOf(container)).toEqual([])
    expect(map('cgroup_pod').get(container.id)).toBeUndefined()
  })

  it('that is a QoS class is a root itself', async () => {
    const { kubepods, map, eventsOf } = await observed()
    const burstable = kubepods.make('burstable')
    const pod = burstable.make('pod1')
    expect(eventsOf(burstable)).toMatchObject([{ kind: EVENT_ROOT_ADDED, name: 'burstable' }])
    expect(map('cgroup_root').get(burstable.id)).toEqual({ pod_level: burstable.level + 1 })
    expect(map('cgroup_pod').get(pod.id)?.verdict).toBe(verdict.VERDICT_UNKNOWN)
    pod.remove()
    burstable.remove()
    expect(map('cgroup_root').get(burstable.id)).toBeUndefined()
  })

  it('loses its entry when it is removed, and is told of once', async () => {
    const { kubepods, map, eventsOf } = await observed()
    const pod = kubepods.make('pod1')
    pod.remove()
    expect(map('cgroup_pod').get(pod.id)).toBeUndefined()
    expect(eventsOf(pod).map(({ kind }) => kind)).toEqual([EVENT_POD_ADDED, EVENT_POD_REMOVED])
  })

  it('is told of when it is removed without an entry', async () => {
    const { kubepods, map, eventsOf } = await observed()
    const pod = kubepods.make('pod1')
    const container = pod.make('podcontainer')
    map('cgroup_pod').delete(pod.id)
    container.remove()
    pod.remove()
    expect(eventsOf(pod).map(({ kind }) => kind)).toEqual([EVENT_POD_ADDED, EVENT_POD_REMOVED])
    expect(eventsOf(container)).toEqual([])
  })

  it('is held once by the programs of two agents, and the map is not taken for full', async () => {
    const { kubepods, map, eventsOf, attachAnother } = await observed()
    attachAnother()
    const pod = kubepods.make('pod1')
    expect(eventsOf(pod).map(({ kind }) => kind)).toEqual([EVENT_POD_ADDED, EVENT_POD_ADDED])
    expect(map('cgroup_pod').get(pod.id)?.verdict).toBe(verdict.VERDICT_UNKNOWN)
    expect(map('overflow').get(ONLY)).toBe(0n)
    expect(counted(map('counter'), counter.COUNT_MAP_FULL)).toBe(0)
  })

  it('that the full map has no room for is counted, and raises overflow', async () => {
    const { kubepods, map, eventsOf } = await observed({ maxPods: 2 })
    const [, , third] = ['pod1', 'pod2', 'pod3'].map((name) => kubepods.make(name))
    if (third === undefined) throw new Error('no third')
    expect(map('cgroup_pod').get(third.id)).toBeUndefined()
    expect(map('overflow').get(ONLY)).toBe(1n)
    expect(counted(map('counter'), counter.COUNT_MAP_FULL)).toBe(1)
    expect(eventsOf(third).map(({ kind }) => kind)).toEqual([EVENT_POD_ADDED])
  })
})

describe('a cgroup elsewhere', () => {
  it('is told of as a root only if it is named like one', async () => {
    const { root, map, eventsOf } = await observed()
    const systemd = root.make('kubepods.slice')
    const other = root.make('pod1')
    expect(eventsOf(systemd)).toMatchObject([{ kind: EVENT_ROOT_ADDED, name: 'kubepods.slice' }])
    expect(eventsOf(other)).toEqual([])
    expect(map('cgroup_pod').get(other.id)).toBeUndefined()
  })
})

describe('processes of a pod', () => {
  const netnsEvents = (events: readonly Event[]) => events.filter(({ kind }) => kind === EVENT_POD_NETNS)

  it('are told of once for each network namespace, however many they are', async () => {
    const { kubepods, map, eventsOf } = await observed()
    const pod = kubepods.make('pod1')
    const container = pod.make('container')
    await container.run("unshare -n sh -ec '/bin/true; /bin/true; (/bin/true); sh -c /bin/true'")
    const [first, ...more] = netnsEvents(eventsOf(pod))
    expect(more).toEqual([])
    expect(first?.pid).toBeGreaterThan(0)
    expect(map('seen_netns').keys()).toContainEqual({ cgroup: pod.id, netns: first?.netns })
    await container.run("unshare -n sh -ec '/bin/true; /bin/true'")
    const both = netnsEvents(eventsOf(pod))
    expect(both).toHaveLength(2)
    expect(new Set(both.map(({ netns }) => netns)).size).toBe(2)
  })

  it("are not told of while they are in the node's own", async () => {
    const { kubepods, eventsOf } = await observed()
    const pod = kubepods.make('pod1')
    await pod.run('/bin/true; /bin/true')
    expect(netnsEvents(eventsOf(pod))).toEqual([])
  })

  it('are told of again after the agent has forgotten them', async () => {
    const { kubepods, map, eventsOf } = await observed()
    const pod = kubepods.make('pod1')
    const forget = () => {
      const seen = map('seen_netns').keys()
      map('seen_netns').deleteBatch(seen.filter(({ cgroup }) => cgroup === pod.id))
      return ''
    }
    await pod.run("unshare -n sh -ec '/bin/true'")
    forget()
    await pod.run("unshare -n sh -ec '/bin/true'")
    expect(netnsEvents(eventsOf(pod))).toHaveLength(2)
  })
})
