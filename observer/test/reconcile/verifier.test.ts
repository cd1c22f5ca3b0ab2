// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { describe, expect, it, vi } from 'vitest'
import { SluiceError } from '../../errors/error.ts'
import type { Lookups } from '../../hooks/lookups.ts'
import { NO_ADDRESS } from '../../maps/address.ts'
import { NO_ADDRESSES, PodEntries } from '../../maps/pod-entries.ts'
import { NO_TRAITS } from '../../membership/traits.ts'
import type { PodState } from '../../pods/state.ts'
import type { Dwelling } from '../../reconcile/enrolment.ts'
import { Verifier } from '../../reconcile/verifier.ts'
import { podMaps } from '../maps/memory-map.ts'
import { cgroup, membership, NETNS, pod, podState } from '../pods/pods.ts'
import { ADDRESSES, attachment, dwelling, FOUND } from './dwelling.ts'

const STEERED = podState({ phase: 'enrolled', verdict: 'steer', pod: pod(), cgroup: cgroup(), netns: NETNS })
const ASKING = { ...STEERED, membership: membership('in', { traits: { ...NO_TRAITS, dns: true } }) }
const STEERING = { mark: 0x51c, mask: 0xfff, table: 5151, priority: 1, protocol: 151 }
const MOVED = { ...ADDRESSES, ipv4: '10.0.0.2' }

function verifier(
  held: Dwelling | undefined,
  log: string[] = [],
  missing: readonly number[] = [],
  onLoad: () => void = () => undefined,
  refusal?: SluiceError
) {
  const maps = podMaps()
  const entries = new PodEntries(maps)
  entries.writeNetns(NETNS, NO_ADDRESSES, ADDRESSES)
  entries.write(cgroup().id, NETNS, 'steer', ADDRESSES)
  const listeners = {
    missing: () => [...missing],
    park: async () => [],
    adopt: async () => [],
    registered: () => '7'
  }
  const load = async () => {
    onLoad()
    return { [Symbol.dispose]: () => void log.push('program closed') }
  }
  const attach = () => {
    log.push('attached')
    return attachment(log)
  }
  const made = new Verifier({
    entries,
    lookups: { load, attach } as unknown as Lookups,
    listeners,
    zds: { refusal: () => refusal },
    dwelling: () => held,
    surroundings: { steering: STEERING, inherited: { ipv4: false, ipv6: false } },
    onInspected: () => undefined,
    onRefused: ({ uid }, error) => void log.push(`${uid}: ${error}`),
    log: pino({ enabled: false })
  })
  return { made, entries, listeners, maps }
}

describe('verifying an enrolled pod', () => {
  it('finds nothing where nothing was changed', async () => {
    const { made } = verifier(dwelling([]))
    expect(await made.verify(STEERED)).toBe(true)
    expect(made.drift).toEqual({})
  })

  it('counts what was mended in the namespace', async () => {
    const drift = [
      { kind: 'rule', what: 'a rule' },
      { kind: 'route', what: 'a route' },
      { kind: 'rule', what: 'another' }
    ]
    const { made } = verifier(dwelling([], { verify: async () => ({ drift, found: FOUND }) }))
    expect(await made.verify(STEERED)).toBe(true)
    expect(made.drift).toEqual({ rule: 2, route: 1 })
  })

  it('attaches the lookup again', async () => {
    const log: string[] = []
    const held = dwelling(log)
    held.lookup = attachment(log, false)
    const { made } = verifier(held, log)
    expect(await made.verify(STEERED)).toBe(true)
    expect(log).toEqual(['lookup mended', 'program closed'])
    expect(made.drift).toEqual({ lookup: 1 })
  })

  it('leaves a pod alone that an agent after a restart has not enrolled yet', async () => {
    const log: string[] = []
    const held = dwelling(log)
    held.lookup = undefined
    const { made } = verifier(held, log, [15001])
    expect(await made.verify(STEERED)).toBe(false)
    expect(made.drift).toEqual({})
    expect(log).toEqual([])
  })

  it('counts no lookup that an enrolment put back while the program was loaded', async () => {
    const log: string[] = []
    const held = dwelling(log)
    held.lookup = attachment(log, false)
    const { made } = verifier(held, log, undefined, () => {
      held.lookup = attachment(log)
    })
    expect(await made.verify(STEERED)).toBe(true)
    expect(made.drift).toEqual({})
  })

  it('attaches no lookup to a pod that left while it was loaded', async () => {
    const log: string[] = []
    const held = dwelling(log)
    held.lookup = attachment(log, false)
    const { made } = verifier(held, log, undefined, () => {
      held.leaving = true
    })
    expect(await made.verify(STEERED)).toBe(false)
    expect(log).toEqual(['program closed'])
    expect(made.drift).toEqual({})
  })

  it('follows its addresses', async () => {
    const log: string[] = []
    const { made, entries } = verifier(dwelling(log, { readAddresses: async () => MOVED }), log)
    await made.verify(STEERED)
    expect(entries.read(cgroup().id)).toEqual({ verdict: 'steer', netns: NETNS })
    expect(log).toEqual(['prepare'])
  })

  it.each([
    ['has no listener', [15001, 15006, 15008]],
    ['misses one', [15006]]
  ])('is not as it should be when ztunnel %s', async (_, missing) => {
    expect(await verifier(dwelling([]), [], missing).made.verify(STEERED)).toBe(false)
  })

  it.each<[string, readonly number[], string | undefined, boolean]>([
    ['it refuses the pod', [15001], undefined, true],
    ['it refuses the pod, which is enrolled again already', [15001], 'nack', false],
    ['it refuses the pod and listens there still', [], undefined, false]
  ])('has a pod of the next ztunnel enrolled again when %s', async (_, missing, lastError, told) => {
    const log: string[] = []
    const refusal = new SluiceError('SLUICE_ERR_ZDS_NACK', { pod: 'shop/cart' }, 'no room')
    await verifier(dwelling([]), log, missing, undefined, refusal).made.verify({ ...STEERED, lastError })
    expect(log).toEqual(told ? [expect.stringMatching(/^u1: .*shop\/cart.*no room/)] : [])
  })

  it('waits for the answer of a ztunnel that has only just come', async () => {
    const log: string[] = []
    await verifier(dwelling([]), log, [15001, 15006, 15008]).made.verify(STEERED)
    expect(log).toEqual([])
  })

  it.each([
    ['stops', true],
    ['begins', false]
  ])('%s to capture DNS when the next ztunnel does not answer it, or does', async (_, before) => {
    const held = dwelling([], { listensOn: async () => !before })
    held.traits = { dns: before, bypassInbound: true }
    const { made, entries } = verifier(held)
    expect(await made.verify(ASKING)).toBe(true)
    expect(held.traits).toEqual({ dns: !before, bypassInbound: true })
    expect(entries.readTraits(NETNS)).toEqual(held.traits)
    expect(made.drift).toEqual({})
  })

  it.each<[string, PodState, readonly number[]]>([
    ['while ztunnel is away', ASKING, [15001]],
    ['of a pod that does not ask ztunnel', STEERED, []]
  ])('decides nothing about DNS %s', async (_, state, missing) => {
    const listensOn = vi.fn(async () => false)
    const held = dwelling([], { listensOn })
    held.traits = { dns: true, bypassInbound: false }
    await verifier(held, [], missing).made.verify(state)
    expect(listensOn).not.toHaveBeenCalled()
    expect(held.traits.dns).toBe(true)
  })

  it('fails no other when its namespace cannot be read', async () => {
    const { made } = verifier(dwelling([], { verify: () => Promise.reject(new Error('gone')) }))
    expect(await made.verify(STEERED)).toBe(false)
  })

  it.each<[string, keyof Dwelling['netns']]>([
    ['rules are compared', 'verify'],
    ['addresses are read', 'readAddresses']
  ])('mends and writes nothing when it leaves while its %s', async (_, step) => {
    const log: string[] = []
    const held: Dwelling = dwelling(log, {
      [step]: async () => {
        held.leaving = true
        return step === 'verify' ? { drift: [], found: FOUND } : MOVED
      }
    })
    held.lookup = attachment(log, false)
    const { made, entries } = verifier(held, log)
    entries.write(cgroup().id, NETNS, 'pass')
    expect(await made.verify(STEERED)).toBe(false)
    expect(entries.read(cgroup().id).verdict).toBe('pass')
    expect(log).toEqual([])
  })
})

describe('verifying a verdict', () => {
  it.each([
    ['overwritten', 'pass', NETNS],
    ['without its namespace', 'steer', undefined]
  ] as const)('puts back one that was %s', (_, verdict, netns) => {
    const { made, entries } = verifier(dwelling([]))
    entries.write(cgroup().id, netns, verdict)
    made.verifyEntries(STEERED, entries.snapshot())
    expect(entries.read(cgroup().id)).toEqual({ verdict: 'steer', netns: NETNS })
    expect(made.drift).toEqual({ entry: 1 })
  })

  it('puts back the ports that the kubelet probes, and keeps what was counted of the others', () => {
    const { made, entries, maps } = verifier(dwelling([]))
    const probed = { ...STEERED, pod: pod({ probePorts: [8080, 9090] }) }
    const passed = { passed: 3n, from: NO_ADDRESS }
    maps.probe_port.set({ netns: NETNS, port: 8080 }, passed)
    maps.probe_port.set({ netns: NETNS, port: 22 }, passed)
    made.verifyEntries(probed, entries.snapshot())
    expect(maps.probe_port.entries()).toEqual([
      [{ netns: NETNS, port: 8080 }, passed],
      [
        { netns: NETNS, port: 9090 },
        { passed: 0n, from: NO_ADDRESS }
      ]
    ])
    expect(made.drift).toEqual({ entry: 1 })
    made.verifyEntries(probed, entries.snapshot())
    expect(made.drift).toEqual({ entry: 1 })
  })

  it('leaves alone what is right, and what nobody has judged', () => {
    const { made, entries } = verifier(dwelling([]))
    made.verifyEntries(STEERED, entries.snapshot())
    made.verifyEntries(podState({ cgroup: cgroup(), verdict: 'none' }), entries.snapshot())
    expect(made.drift).toEqual({})
  })
})
