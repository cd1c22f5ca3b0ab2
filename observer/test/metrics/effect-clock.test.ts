// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest'
import { EffectClock, type Timing } from '../../metrics/effect-clock.ts'
import type { Effect, Input } from '../../pods/effect.ts'

const ENROL = { do: 'enrol', epoch: 3 } as const

let now = 0
let timings: Timing[] = []
let clock = new EffectClock()

beforeEach(() => {
  now = 1000
  timings = []
  clock = new EffectClock(() => now)
  clock.onTiming = (timing) => timings.push(timing)
})

const later = (milliseconds: number) => {
  now += milliseconds
}

describe('the time from an effect to its answer', () => {
  it.each<[Effect, Input, string, string]>([
    [ENROL, { kind: 'enrolled', epoch: 3 }, 'enrol', 'done'],
    [ENROL, { kind: 'enrol-failed', error: 'nack', epoch: 3 }, 'enrol', 'failed'],
    [{ do: 'locate', epoch: 3 }, { kind: 'located', netns: 1n, epoch: 3 }, 'locate', 'done'],
    [{ do: 'locate', epoch: 3 }, { kind: 'located', netns: undefined, epoch: 3 }, 'locate', 'failed'],
    [{ do: 'leave', epoch: 3 }, { kind: 'left', epoch: 3 }, 'leave', 'done'],
    [{ do: 'leave', epoch: 3 }, { kind: 'leave-failed', error: 'EROFS', epoch: 3 }, 'leave', 'failed']
  ])('%o, %o', (effect, input, name, outcome) => {
    clock.began('u1', effect)
    later(250)
    clock.ended('u1', input)
    expect(timings).toEqual([{ effect: name, outcome, seconds: 0.25 }])
  })

  it('is told once', () => {
    clock.began('u1', ENROL)
    clock.ended('u1', { kind: 'enrolled', epoch: 3 })
    clock.ended('u1', { kind: 'enrolled', epoch: 3 })
    expect(timings).toHaveLength(1)
  })

  it('is that of the last effect, where it calls an earlier one off', () => {
    clock.began('u1', ENROL)
    later(100)
    clock.began('u1', { do: 'leave', epoch: 4 })
    later(50)
    clock.ended('u1', { kind: 'enrolled', epoch: 3 })
    clock.ended('u1', { kind: 'left', epoch: 4 })
    expect(timings).toEqual([{ effect: 'leave', outcome: 'done', seconds: 0.05 }])
  })

  it('is each pod’s own, and ends with the pod', () => {
    clock.began('u1', ENROL)
    clock.began('u2', ENROL)
    clock.began('u1', { do: 'forget', cgroup: 1n, netns: undefined })
    clock.ended('u1', { kind: 'enrolled', epoch: 3 })
    clock.ended('u2', { kind: 'retry', epoch: 3 })
    expect(timings).toEqual([])
    clock.ended('u2', { kind: 'enrolled', epoch: 3 })
    expect(timings).toHaveLength(1)
  })
})
