// SPDX-License-Identifier: Apache-2.0

import { endianness } from 'node:os'
import { describe, expect, it } from 'vitest'
import { type PinnedState, pinnedReport } from '../../control/pinned.ts'
import { statusReport } from '../../control/protocol.ts'

const words = (hex: string) => {
  const bytes = Buffer.from(hex, 'hex')
  const read = (offset: number) =>
    endianness() === 'LE' ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset)
  return { word: [0, 4, 8, 12].map(read) }
}

const NONE = words('00000000000000000000000000000000')
const V4 = words('00000000000000000000ffff0a000001')
const V6 = words('fd000000000000000000000000000001')

describe('the pinned state', () => {
  const verdict = {
    VERDICT_PASS: 1,
    VERDICT_UNKNOWN: 2,
    VERDICT_HELD: 3,
    VERDICT_STEER: 4,
    VERDICT_OBSERVE: 5
  }
  const counter = { COUNT_STEERED: 0, COUNT_REFUSED_HELD: 1, COUNTERS: 2 }
  const clocks = { realtimeMs: Date.parse('2026-01-01T00:01:00Z'), monotonicNs: 90_000_000_000n }
  const pod = { verdict: 4, netns: 7n, since: 30_000_000_000n, ip: [V4, V6] }
  const record = { uid: 'u', namespace: 'shop', name: 'cart', state: 'verified', reason: 'label', since: 0n }
  const empty: PinnedState = {
    pods: new Map(),
    records: new Map(),
    stats: new Map(),
    mode: 'enforce',
    paused: false,
    counters: [5n, 2n],
    paths: new Map()
  }
  const report = (state: Partial<PinnedState>) =>
    pinnedReport({ ...empty, ...state }, { verdict, counter }, clocks, '0.1.0')

  it('becomes a report without an agent', () => {
    const result = report({
      pods: new Map([[9n, pod]]),
      records: new Map([[9n, { ...record, since: 1_700_000_000_000n }]]),
      stats: new Map([[7n, { steered: 3n, refused: 1n, accepted: 2n }]]),
      paths: new Map([[9n, '/kubepods/podu']])
    })
    expect(result).toEqual({
      version: '0.1.0',
      agent: { running: false },
      mode: 'enforce',
      paused: false,
      ztunnels: [],
      pods: [
        {
          namespace: 'shop',
          name: 'cart',
          uid: 'u',
          ips: ['10.0.0.1', 'fd00::1'],
          cgroup: '/kubepods/podu',
          cgroupId: '9',
          netns: '7',
          state: 'verified',
          since: '2023-11-14T22:13:20.000Z',
          steered: 5,
          refused: 1,
          reason: 'label',
          conditions: [],
          outside: false
        }
      ],
      counters: { steered: 5, refused_held: 2 },
      drift: {},
      resyncs: 0,
      wakeups: 0,
      refusedZtunnels: 0,
      refusals: []
    })
    expect(statusReport.safeParse(result).success).toBe(true)
  })

  it('says what mode the kernel is in', () => {
    expect(report({ mode: 'observe', paused: true })).toMatchObject({ mode: 'observe', paused: true })
  })

  it('shows a pod that came after the agent died, with the time of its verdict', () => {
    const [status] = report({
      pods: new Map([[9n, { ...pod, verdict: 2, netns: 0n, ip: [NONE, NONE] }]])
    }).pods
    expect(status).toMatchObject({ state: 'unknown', name: '', ips: [], since: '2026-01-01T00:00:00.000Z' })
    expect(status).not.toHaveProperty('netns')
  })

  it.each([
    [1, 'verified', 'outside', true],
    [1, 'unsupported', 'unsupported', true],
    [1, 'joining', 'joining', false],
    [2, 'verified', 'unknown', false],
    [3, 'verified', 'held', false],
    [3, 'joining', 'joining', false],
    [4, 'outside', 'enrolled', false],
    [4, 'nonsense', 'enrolled', false],
    [5, 'verified', 'observed', false],
    [9, 'verified', 'failed', false]
  ])('verdict %i of a pod recorded as %s is shown as %s', (value, state, expected, outside) => {
    const pods = new Map([[9n, { ...pod, verdict: value }]])
    const [status] = report({ pods, records: new Map([[9n, { ...record, state }]]) }).pods
    expect(status).toMatchObject({ state: expected, outside })
  })
})
