// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RefusalJournal } from '../../refusals/journal.ts'
import type { Refusal } from '../../refusals/refusal.ts'

const START = Date.parse('2026-01-02T03:04:05Z')

const PODS = new Map([
  [7n, 'shop/cart'],
  [109n, 'shop/mallory']
])

function refusal(change: Partial<Refusal> = {}): Refusal {
  return {
    time: 1n,
    netns: 7n,
    cgroup: 5n,
    reason: 'refused_link_local',
    peer: { address: 'fe80::1', port: 80 },
    dialled: undefined,
    process: { pid: 42, command: 'curl' },
    ...change
  }
}

class Scene {
  now = START
  counters: Record<string, number> = {}
  /** Told of only when the journal asks. */
  late: Refusal[] = []
  readonly lines: { level: string; fields: Record<string, unknown>; text: string }[] = []
  readonly journal: RefusalJournal

  constructor(counted: Record<string, number> = {}) {
    this.counters = { ...counted }
    const log = (level: string) => (fields: unknown, text: unknown) =>
      void this.lines.push({ level, fields: fields as Record<string, unknown>, text: String(text) })
    this.journal = new RefusalJournal({
      log: { info: log('info'), warn: log('warn') } as never,
      now: () => this.now,
      podOf: ({ netns }) => PODS.get(netns) ?? `shop/${netns}`,
      podAt: (address) => (address === '10.0.0.9' ? 'shop/mallory' : undefined),
      counters: () => ({ ...this.counters }),
      flush: () => this.journal.hear(this.late.splice(0))
    })
  }

  count(reason: string, by = 1): void {
    this.counters[reason] = (this.counters[reason] ?? 0) + by
  }

  refuse(times: number, change: Partial<Refusal> = {}): void {
    const one = refusal(change)
    this.count(one.reason, times)
    this.journal.hear(Array.from({ length: times }, () => one))
  }
}

describe('a refusal is logged', () => {
  it('with pod, reason, peer and process', () => {
    const scene = new Scene()
    scene.refuse(1)
    expect(scene.lines).toEqual([
      {
        level: 'warn',
        fields: {
          pod: 'shop/cart',
          reason: 'refused_link_local',
          direction: 'outbound',
          peer: '[fe80::1]:80',
          pid: 42,
          command: 'curl'
        },
        text: 'refused'
      }
    ])
    expect(scene.journal.recent).toEqual([{ at: '2026-01-02T03:04:05.000Z', ...scene.lines[0]?.fields }])
  })

  it('with who dialled, by address and by name, when it came from outside', () => {
    const scene = new Scene()
    scene.refuse(1, {
      reason: 'dropped_guard',
      peer: { address: '10.0.0.9', port: 40_000 },
      dialled: { address: '10.0.0.1', port: 15_001 },
      process: undefined
    })
    expect(scene.lines[0]?.fields).toEqual({
      pod: 'shop/cart',
      reason: 'dropped_guard',
      direction: 'inbound',
      peer: '10.0.0.9:40000',
      peerPod: 'shop/mallory',
      dialled: '10.0.0.1:15001'
    })
  })

  it('without a peer, of a socket that has none', () => {
    const scene = new Scene()
    scene.refuse(1, { reason: 'refused_setsockopt', peer: undefined })
    expect(scene.lines[0]?.fields).toEqual({
      pod: 'shop/cart',
      reason: 'refused_setsockopt',
      direction: 'outbound',
      pid: 42,
      command: 'curl'
    })
  })

  it.each([
    ['refused_held', 'info'],
    ['dropped_no_listener', 'info'],
    ['dropped_guard', 'warn'],
    ['refused_setsockopt', 'warn']
  ])('by how much it matters: %s, %s', (reason, level) => {
    const scene = new Scene()
    scene.refuse(1, { reason })
    scene.count(reason)
    scene.journal.settle()
    expect(scene.lines.map((line) => line.level)).toEqual([level, level])
  })
})

describe('many refusals', () => {
  it('make five lines a second of each pod, whatever the reason', () => {
    const scene = new Scene()
    for (const reason of ['refused_link_local', 'refused_nested', 'refused_setsockopt'])
      scene.refuse(1_000, { reason })
    expect(scene.lines).toHaveLength(5)
    scene.now += 1_000
    scene.refuse(1_000)
    expect(scene.lines).toHaveLength(10)
    expect(scene.journal.recent).toHaveLength(3)
  })

  it('hide none of another pod, however many pods are refused', () => {
    const scene = new Scene()
    for (let netns = 100n; netns < 200n; netns++) scene.refuse(5, { netns })
    const before = scene.lines.length
    scene.refuse(1, { peer: { address: 'fe80::2', port: 1 } })
    expect(scene.lines.slice(before)).toMatchObject([{ fields: { pod: 'shop/cart', peer: '[fe80::2]:1' } }])
    // The first line of each, beyond the second's twenty.
    expect(scene.lines).toHaveLength(20 + 96 + 1)
  })

  it('of pods that dial one pod are told of by who dials', () => {
    const scene = new Scene()
    const inbound = {
      reason: 'dropped_guard',
      dialled: { address: '10.0.0.1', port: 15_006 },
      process: undefined
    }
    scene.refuse(100, { ...inbound, peer: { address: '10.0.0.9', port: 1 } })
    scene.refuse(1, { ...inbound, peer: { address: '10.0.0.8', port: 1 } })
    // Whoever forges the pod's address uses up none of what it is told of itself.
    scene.refuse(1, { netns: 109n })
    const peers = scene.lines.map(({ fields }) => fields.peerPod ?? fields.peer)
    expect(peers).toEqual([...Array(5).fill('shop/mallory'), '10.0.0.8:1', '[fe80::1]:80'])
  })

  it('of strangers have twenty lines a second in all', () => {
    const scene = new Scene()
    for (let host = 0; host < 250; host++)
      scene.refuse(1, {
        reason: 'dropped_guard',
        peer: { address: `192.0.2.${host}`, port: 1 },
        dialled: { address: '10.0.0.1', port: 15_006 }
      })
    expect(scene.lines).toHaveLength(20)
    scene.refuse(1)
    expect(scene.lines).toHaveLength(21)
  })

  it('do not fill what the status shows', () => {
    const scene = new Scene()
    scene.refuse(1, { netns: 109n })
    for (let second = 0; second < 60; second++) {
      scene.now += 1_000
      scene.refuse(100)
    }
    expect(scene.journal.recent.map(({ pod }) => pod)).toEqual([
      ...Array(3).fill('shop/cart'),
      'shop/mallory'
    ])
  })

  it('are told of by their number, once', () => {
    const scene = new Scene()
    scene.refuse(100)
    scene.count('refused_link_local', 900)
    scene.count('steered', 50)
    expect(scene.journal.settle()).toBe(true)
    expect(scene.lines.slice(5)).toEqual([
      {
        level: 'warn',
        fields: { reason: 'refused_link_local', suppressed: 995 },
        text: 'more was refused than was told of'
      }
    ])
    expect(scene.journal.settle()).toBe(false)
    expect(scene.lines).toHaveLength(6)
  })

  it('do not count twice when their record comes after their count', () => {
    const scene = new Scene()
    scene.count('dropped_guard')
    scene.late = [refusal({ reason: 'dropped_guard' })]
    scene.journal.settle()
    expect(scene.lines.map(({ text }) => text)).toEqual(['refused'])
  })

  it('from before the agent are nobody’s to tell', () => {
    const scene = new Scene({ refused_held: 1_000 })
    expect(scene.journal.settle()).toBe(false)
    expect(scene.lines).toEqual([])
  })

  it('are all told of, one by one or by their number, however they come', () => {
    const burst = fc.record({
      told: fc.nat(40),
      untold: fc.nat(40),
      later: fc.nat(1_500),
      settles: fc.boolean()
    })
    fc.assert(
      fc.property(fc.array(burst, { maxLength: 20 }), (bursts) => {
        const scene = new Scene()
        for (const { told, untold, later, settles } of bursts) {
          scene.refuse(told)
          scene.count('refused_link_local', untold)
          scene.now += later
          if (settles) scene.journal.settle()
        }
        scene.journal.settle()
        const told = scene.lines.reduce((sum, { fields }) => sum + Number(fields.suppressed ?? 1), 0)
        expect(told).toBe(scene.counters.refused_link_local ?? 0)
      })
    )
  })
})
