// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { healthText, isHealthy, liveness, readiness } from '../../metrics/health.ts'
import { factsOf } from './facts.ts'

describe('liveness', () => {
  it.each([
    [0, true],
    [10_000, true],
    [10_001, false]
  ])('%i ms after the last sign of life: %s', (beatAgeMs, expected) => {
    expect(isHealthy(liveness(factsOf({ beatAgeMs })))).toBe(expected)
  })

  it('does not depend on ztunnel, on hooks, or on the source', () => {
    const facts = factsOf({ ztunnels: [], ready: false, hookProblems: () => ['connect4@1 is detached'] })
    expect(isHealthy(liveness(facts))).toBe(true)
  })
})

describe('readiness', () => {
  it.each([
    ['an agent at work', {}, undefined],
    ['one that is paused', { paused: true }, undefined],
    ['one without ztunnel', { ztunnels: [] }, '[-]ztunnel failed: none is connected'],
    ['one that observes, without ztunnel', { ztunnels: [], mode: 'observe' }, undefined],
    ['one that has just started', { ready: false }, '[-]reconcile failed: what existed'],
    [
      'one without a hook',
      { hookProblems: () => ['connect4@1 is detached', 'lookup@2 is detached'] },
      '[-]hooks failed: connect4@1 is detached, lookup@2 is detached'
    ]
  ] as const)('%s', (_, change, failure) => {
    const health = readiness(factsOf(change))
    expect(isHealthy(health)).toBe(failure === undefined)
    expect(healthText(health)).toContain(failure ?? '[+]reconcile ok\n[+]ztunnel ok\n[+]hooks ok\n')
  })
})
