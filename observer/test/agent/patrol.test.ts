// SPDX-License-Identifier: Apache-2.0
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { KernelSide, Mended } from '../../agent/kernel-side.ts'
import { Patrol } from '../../agent/patrol.ts'
import type { Roster } from '../../pods/roster.ts'
import type { PodState } from '../../pods/state.ts'
import type { Verifier } from '../../reconcile/verifier.ts'
import { cgroup, pod, podState } from '../pods/pods.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

interface Situation {
  states?: readonly PodState[]
  mended?: readonly Mended[] | 'fails'
  overflow?: bigint
  entry?: 'none' | 'held'
}

const STEERED = podState({ verdict: 'steer', cgroup: cgroup() })

function patrolled({ states = [STEERED], mended = [], overflow = 0n, entry = 'held' }: Situation = {}) {
  const log: string[] = []
  const gates: (() => void)[] = []
  const verifier = {
    note: (kind: string) => void log.push(`drift ${kind}`),
    settle: () => undefined,
    verifyEntries: ({ uid }: PodState) => void log.push(`entry ${uid}`),
    verify: ({ uid }: PodState) => {
      log.push(`verify ${uid}`)
      return new Promise<boolean>((resolve) => gates.push(() => resolve(true)))
    }
  } as unknown as Verifier
  const kernel = {
    mend: () => {
      if (mended === 'fails') throw new Error('no such cgroup')
      return mended
    },
    overflow,
    entries: { read: () => ({ verdict: entry, netns: undefined }), snapshot: () => ({}) },
    clearOverflow: () => void log.push('overflow cleared')
  } as unknown as KernelSide
  const roster = {
    states,
    find: (uid: string) => states.find((state) => state.uid === uid)
  } as unknown as Roster
  const patrol = new Patrol({
    kernel,
    verifier,
    roster,
    kubelet: undefined,
    onRoom: () => void log.push('room'),
    onVerified: (uid) => void log.push(`verified ${uid}`),
    log: pino({ enabled: false })
  })
  const open = async () => {
    await turn()
    for (const gate of gates.splice(0)) gate()
    await turn()
  }
  return { patrol, log, open }
}

describe('a visit', () => {
  it.each([
    ['names its addresses', pod({ ips: ['10.0.0.1'] }), ['verify u1']],
    ['names other labels', pod({ labels: { app: 'cart' } }), []]
  ])('is made at once when the source %s', async (_, told, visits) => {
    const { patrol, log } = patrolled({ states: [{ ...STEERED, pod: pod() }] })
    patrol.hear({ kind: 'pod', pod: told })
    await turn()
    expect(log).toEqual(visits)
  })

  it('tells that the pod is as it should be', async () => {
    const { patrol, log, open } = patrolled()
    patrol.visit('u1')
    await open()
    expect(log).toEqual(['verify u1', 'verified u1'])
  })

  it('is made once more, however often the pod changed meanwhile', async () => {
    const { patrol, log, open } = patrolled()
    patrol.visit('u1')
    await turn()
    for (let change = 0; change < 5; change++) patrol.visit('u1')
    await open()
    await open()
    await open()
    expect(log.filter((line) => line === 'verify u1')).toHaveLength(2)
  })

  it.each([
    ['is not steered', [podState({ verdict: 'pass', cgroup: cgroup() })]],
    ['is gone', []]
  ])('is not made to a pod that %s', async (_, states) => {
    const { patrol, log, open } = patrolled({ states })
    patrol.visit('u1')
    await open()
    expect(log).toEqual([])
  })

  it('is not made after the end', async () => {
    const { patrol, log, open } = patrolled()
    patrol.close()
    patrol.visit('u1')
    patrol.round()
    await open()
    expect(log).toEqual([])
  })
})

describe('a round', () => {
  it('looks at every verdict and at the steered pods, and is joined by no other', async () => {
    const outside = podState({ uid: 'u2', verdict: 'pass', cgroup: cgroup() })
    const { patrol, log, open } = patrolled({ states: [STEERED, outside] })
    patrol.round()
    patrol.round()
    await open()
    expect(log).toEqual(['entry u1', 'entry u2', 'verify u1', 'verified u1'])
    patrol.round()
    await open()
    expect(log.filter((line) => line === 'verify u1')).toHaveLength(2)
  })

  it('looks at no pod that is visited: both would put back the same', async () => {
    const { patrol, log, open } = patrolled()
    patrol.visit('u1')
    patrol.round()
    await turn()
    expect(log.filter((line) => line === 'verify u1')).toHaveLength(1)
    await open()
    await open()
    expect(log.filter((line) => line === 'verify u1')).toHaveLength(2)
  })

  it('counts what of the node was put back', async () => {
    const mended = [{ kind: 'hook', what: 'connect4@1 was detached' }] as const
    const { patrol, log, open } = patrolled({ states: [], mended })
    patrol.round()
    await open()
    expect(log).toEqual(['drift hook'])
  })

  it('goes on where one thing cannot be verified', async () => {
    const { patrol, log, open } = patrolled({ mended: 'fails' })
    patrol.round()
    await open()
    expect(log).toEqual(['entry u1', 'verify u1', 'verified u1'])
  })

  it.each([
    ['clears the overflow once every pod has its entry', 'held', ['entry u1', 'overflow cleared', 'room']],
    ['keeps the overflow while a pod has none', 'none', ['entry u1']]
  ] as const)('%s', async (_, entry, expected) => {
    const states = [podState({ verdict: 'held', cgroup: cgroup() })]
    const { patrol, log, open } = patrolled({ states, overflow: 1n, entry })
    patrol.round()
    await open()
    expect(log).toEqual(expected)
  })
})
