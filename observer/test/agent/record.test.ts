// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { recordOf } from '../../agent/record.ts'
import { membership, pod, podState } from '../pods/pods.ts'

describe('what outlives the agent of a pod', () => {
  it('is its name, its state and why', () => {
    const state = podState({
      phase: 'outside',
      verdict: 'pass',
      pod: pod(),
      membership: membership('out'),
      since: 5
    })
    expect(recordOf(state)).toEqual({
      uid: 'u1',
      namespace: 'shop',
      name: 'cart',
      state: 'outside',
      reason: 'it is out',
      since: 5n
    })
  })

  it.each([
    [
      'the last error before the reason',
      { membership: membership('in'), lastError: 'nack' },
      { reason: 'nack' }
    ],
    ['unsupported', { phase: 'outside', membership: membership('unsupported') }, { state: 'unsupported' }],
    ['unknown', { phase: 'known', verdict: 'unknown' }, { state: 'unknown', name: '', reason: '' }],
    ['known', { phase: 'known', verdict: 'none' }, { state: 'known' }]
  ] as const)('is %s', (_, change, expected) => {
    expect(recordOf(podState(change))).toMatchObject(expected)
  })
})
