// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { counter } from '#contract'
import { addressOf, NO_ADDRESS } from '../../maps/address.ts'
import { CONNECTIONS } from '../../metrics/meanings.ts'
import { isRefusal, refusalOf } from '../../refusals/refusal.ts'

const record = {
  time: 9n,
  netns: 7n,
  cgroup: 5n,
  peer: addressOf('10.0.0.9'),
  dialled: NO_ADDRESS,
  peer_port: 80,
  dialled_port: 0,
  reason: counter.COUNT_REFUSED_HELD,
  pid: 42,
  command: 'curl'
}

describe('a record of the kernel', () => {
  it('of a connect', () => {
    expect(refusalOf(record)).toEqual({
      time: 9n,
      netns: 7n,
      cgroup: 5n,
      reason: 'refused_held',
      peer: { address: '10.0.0.9', port: 80 },
      dialled: undefined,
      process: { pid: 42, command: 'curl' }
    })
  })

  it('of a lookup', () => {
    const inbound = {
      dialled: addressOf('fd00::1'),
      dialled_port: 15_006,
      reason: counter.COUNT_DROPPED_GUARD
    }
    expect(refusalOf({ ...record, ...inbound, cgroup: 0n, pid: 0, command: '' })).toMatchObject({
      cgroup: undefined,
      reason: 'dropped_guard',
      dialled: { address: 'fd00::1', port: 15_006 },
      process: undefined
    })
  })

  it('of an option of a socket without a connection', () => {
    expect(refusalOf({ ...record, peer: NO_ADDRESS, peer_port: 0 }).peer).toBeUndefined()
  })

  it('with a reason of a later kernel object', () => {
    expect(refusalOf({ ...record, reason: 999 }).reason).toBe('reason 999')
  })
})

it('what the metrics call held or refused is what hooks tell of', () => {
  const told = Object.entries(CONNECTIONS)
    .filter(([, { outcome }]) => outcome === 'held' || outcome === 'refused')
    .map(([name]) => name)
  expect(told.filter((name) => !isRefusal(name))).toEqual(['dropped_assign'])
  expect(['steered', 'inbound_exempt', 'map_full'].filter(isRefusal)).toEqual([])
})
