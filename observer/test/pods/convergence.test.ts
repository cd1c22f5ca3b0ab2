// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Action, World } from './world.ts'

const ACTIONS: readonly Action[] = [
  'mkdir',
  'rmdir',
  'list-in',
  'list-bypassed',
  'list-out',
  'unlist',
  'start',
  'restart',
  'stop',
  'scan',
  'answer',
  'fail',
  'tell',
  'time'
]

const RUNS = { numRuns: 5_000 }

function played(strict: boolean, actions: readonly Action[]): World {
  const world = new World(strict)
  for (const action of actions) world.act(action)
  return world
}

const any = fc.array(fc.constantFrom(...ACTIONS), { maxLength: 40 })

describe.each([
  ['strict', true],
  ['default', false]
])('whatever happens to a pod, in %s mode', (_, strict) => {
  it('comes to rest in the phase that its facts ask for', () => {
    fc.assert(
      fc.property(any, (actions) => {
        const world = played(strict, actions)
        expect(world.calm(), 'comes to rest').toBe(true)
        const { state, verdict, judged, cgroupId, process } = world
        if (cgroupId === undefined) {
          expect(state).toMatchObject({
            phase: 'known',
            verdict: 'none',
            cgroup: undefined,
            netns: undefined
          })
          expect(state).toMatchObject({ prepared: false, lastError: undefined, attempts: 0 })
          expect(world.entries.size, 'entries of namespaces').toBe(0)
          return
        }
        expect(verdict, "the kernel's verdict").toBe(state.verdict)
        if (judged === 'out')
          expect(state).toMatchObject({ phase: 'outside', verdict: 'pass', prepared: false })
        if (judged === undefined) expect(state.phase).toBe('known')
        if (judged === 'in' && process !== undefined) {
          expect(state).toMatchObject({ phase: 'enrolled', verdict: 'steer', netns: process })
          expect(state).toMatchObject({ lastError: undefined, attempts: 0 })
          expect(world.traits, 'captured as').toEqual(world.wanted)
        }
        if (judged === 'in' && process === undefined)
          expect(['held', 'joining', 'enrolled']).toContain(state.phase)
        const allowed = judged === 'in' && state.netns !== undefined ? [state.netns] : []
        expect(
          [...world.prepared].filter((netns) => !allowed.includes(netns)),
          'left prepared'
        ).toEqual([])
        expect(
          [...world.entries].filter((netns) => netns !== state.netns),
          'stale namespaces'
        ).toEqual([])
      }),
      RUNS
    )
  })

  it('enrols a pod that is listed and started at last', () => {
    fc.assert(
      fc.property(any, (actions) => {
        const world = played(strict, actions)
        world.calm()
        for (const action of ['mkdir', 'list-in', 'start'] as const) world.act(action)
        expect(world.calm()).toBe(true)
        expect(world.state).toMatchObject({ phase: 'enrolled', verdict: 'steer', netns: world.process })
        expect(world.verdict).toBe('steer')
      }),
      RUNS
    )
  })

  it('captures a pod as it was listed last, whatever was under way then', () => {
    const during: readonly Action[] = [
      'list-in',
      'list-bypassed',
      'restart',
      'answer',
      'fail',
      'tell',
      'time'
    ]
    const joining = fc.array(fc.constantFrom(...during), { maxLength: 12 })
    fc.assert(
      fc.property(any, joining, (actions, more) => {
        const world = played(strict, [...actions, 'mkdir', 'list-in', 'start', ...more])
        expect(world.calm()).toBe(true)
        expect(world.state).toMatchObject({ phase: 'enrolled', verdict: 'steer', netns: world.process })
        expect(world.traits).toEqual(world.wanted)
      }),
      RUNS
    )
  })

  it('passes no new pod of the mesh that was not enrolled', () => {
    const without = fc.array(fc.constantFrom(...ACTIONS.filter((action) => action !== 'list-out')), {
      maxLength: 40
    })
    fc.assert(
      fc.property(without, (actions) => {
        const world = new World(strict)
        for (const action of actions) {
          world.act(action)
          expect(world.history).not.toContain('pass')
        }
      }),
      RUNS
    )
  })

  it('passes no new pod before the source has named it', () => {
    fc.assert(
      fc.property(any, (actions) => {
        const world = new World(strict)
        for (const action of ['mkdir', ...actions.filter((a) => !a.startsWith('list'))] as const)
          world.act(action)
        expect(world.history).not.toContain('pass')
      }),
      RUNS
    )
  })

  it('gives every enrolment an epoch of its own', () => {
    fc.assert(
      fc.property(any, (actions) => {
        const { epochs } = played(strict, actions)
        expect(new Set(epochs).size).toBe(epochs.length)
        expect(epochs.toSorted((a, b) => a - b)).toEqual(epochs)
      }),
      RUNS
    )
  })
})
