// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import type { Phase } from '../../pods/state.ts'
import { correction, redirectionDue } from '../../publish/redirection.ts'
import { cgroup, membership, pod, podState } from '../pods/pods.ts'

const state = (phase: Phase, decision: 'in' | 'out' | 'unsupported' | 'observed' = 'in') =>
  podState({ phase, pod: pod(), cgroup: cgroup(), membership: membership(decision) })

describe('what is due of a pod that is', () => {
  it.each<[Phase, string | undefined]>([
    ['known', undefined],
    ['held', 'absent'],
    ['joining', undefined],
    ['failed', 'absent'],
    ['enrolled', undefined],
    ['verified', 'enabled'],
    ['leaving', 'absent']
  ])('wanted and %s is %s', (phase, due) => {
    expect(redirectionDue(state(phase), 'enforce')).toBe(due)
  })

  it.each([
    ['is left alone while it passes', 'pass', undefined],
    ['is taken away while it is held', 'held', 'absent']
  ] as const)('captured by istio-cni, so that it cannot be enrolled, %s', (_, verdict, due) => {
    const refused = { ...state('failed'), verdict, capturedByIstio: true }
    expect(redirectionDue(refused, 'enforce')).toBe(due)
  })

  it.each(['out', 'unsupported'] as const)('%s is that nothing is said', (decision) => {
    for (const phase of ['known', 'outside', 'leaving'] as const)
      expect(redirectionDue(state(phase, decision), 'enforce')).toBe('absent')
  })

  it('not judged, or not listed any more, is nothing', () => {
    expect(redirectionDue({ ...state('held'), membership: undefined }, 'enforce')).toBeUndefined()
    expect(redirectionDue({ ...state('leaving', 'out'), listed: false }, 'enforce')).toBeUndefined()
  })
})

describe('an agent that only observes', () => {
  it.each<Phase>(['known', 'held', 'joining', 'failed', 'enrolled', 'outside'])(
    'leaves the word of another agent alone while the pod is %s',
    (phase) => {
      expect(redirectionDue(state(phase, 'observed'), 'observe')).toBeUndefined()
    }
  )

  it('takes back what it has captured itself', () => {
    expect(redirectionDue(state('leaving', 'observed'), 'observe')).toBe('absent')
  })
})

describe('what is written', () => {
  it.each([
    [undefined, 'enabled', 'enabled'],
    [undefined, 'absent', undefined],
    ['enabled', 'enabled', undefined],
    ['enabled', 'absent', null],
    ['pending', 'enabled', 'enabled'],
    ['pending', 'absent', null],
    ['disabled', 'enabled', undefined],
    ['disabled', 'absent', undefined],
    ['what is this', 'enabled', undefined],
    ['what is this', 'absent', undefined]
  ] as const)('over %s when %s is due: %s', (said, due, value) => {
    expect(correction(said, due)).toBe(value)
  })
})
