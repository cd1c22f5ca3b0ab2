// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import type { Effect } from '../../pods/effect.ts'
import type { Namespace } from '../../pods/pod.ts'
import { type Move, Roster } from '../../pods/roster.ts'
import type { Verdict } from '../../pods/state.ts'
import type { ProcessEvent } from '../../processes/process-event.ts'
import { cgroup, membership, NETNS, pod } from './pods.ts'

/** A namespace named after its label decides. */
function roster(strict = false): Roster {
  const select = (_: unknown, namespace: Namespace | undefined) =>
    membership(namespace?.labels.mesh === 'in' ? 'in' : 'out')
  return new Roster({ strict, select, now: () => 1 })
}

function found(id = 101n, verdict: Verdict = 'unknown', uid = 'u1', prepared = false): ProcessEvent {
  return {
    kind: 'cgroup-found',
    cgroup: cgroup(id, uid),
    verdict,
    netns: prepared ? NETNS : undefined,
    prepared
  }
}

function namespace(mesh: string): { kind: 'namespace'; namespace: Namespace } {
  return { kind: 'namespace', namespace: { name: 'shop', labels: { mesh }, annotations: {} } }
}

function effects(moves: readonly Move[]): Effect['do'][] {
  return moves.flatMap((move) => move.effects.map((effect) => effect.do))
}

describe('the roster', () => {
  it.each([
    ['cgroup first', [found(), namespace('in'), { kind: 'pod', pod: pod() }]],
    ['pod first', [{ kind: 'pod', pod: pod() }, namespace('in'), found()]],
    ['namespace first', [namespace('in'), { kind: 'pod', pod: pod() }, found()]]
  ] as const)('joins a pod and its cgroup by uid: %s', (_, facts) => {
    const pods = roster()
    for (const fact of facts) pods.hear(fact)
    expect(pods.states).toMatchObject([
      { uid: 'u1', phase: 'held', cgroup: { id: 101n }, pod: { name: 'cart' } }
    ])
  })

  it('keeps pods of different uids apart', () => {
    const pods = roster()
    pods.hear(found(101n, 'unknown', 'u1'))
    pods.hear({ kind: 'pod', pod: pod({ uid: 'u2' }) })
    expect(pods.states.map(({ uid }) => uid)).toEqual(['u1', 'u2'])
  })

  it('judges the pods of a namespace again when it changes or goes, and no others', () => {
    const pods = roster()
    for (const fact of [found(), { kind: 'pod', pod: pod() }] as const) pods.hear(fact)
    pods.hear({ kind: 'pod', pod: pod({ uid: 'u2', namespace: 'other' }) })
    expect(effects(pods.hear(namespace('in')))).toEqual(['judge', 'locate'])
    expect(effects(pods.hear({ kind: 'namespace-gone', name: 'shop' }))).toEqual(['leave'])
    expect(pods.find('u2')?.membership?.decision).toBe('out')
  })

  it('lets every pod leave when Sluice is uninstalled, also one that nobody names, and takes none in any more', () => {
    const pods = roster()
    for (const fact of [namespace('in'), { kind: 'pod', pod: pod() }, found()] as const) pods.hear(fact)
    pods.hear(found(102n, 'steer', 'u2', true))
    expect(effects(pods.hear({ kind: 'retired' }))).toEqual(['leave', 'leave'])
    expect(effects(pods.hear({ kind: 'pod', pod: pod() }))).toEqual([])
    pods.hear(found(103n, 'unknown', 'u3'))
    pods.hear({ kind: 'pod', pod: pod({ uid: 'u3' }) })
    expect(pods.states.map(({ uid, phase, verdict }) => `${uid} ${phase} ${verdict}`)).toEqual([
      'u1 leaving pass',
      'u2 leaving pass',
      'u3 outside pass'
    ])
  })

  it('leaves a pod that istio-cni’s rules capture as it is when Sluice is uninstalled', () => {
    const pods = roster()
    for (const fact of [namespace('in'), { kind: 'pod', pod: pod() }] as const) pods.hear(fact)
    pods.hear(found(101n, 'pass'))
    pods.hear({ kind: 'netns-seen', cgroup: 101n, netns: NETNS, pid: 7 })
    const epoch = pods.find('u1')?.epoch ?? 0
    const input = { kind: 'enrol-failed', error: 'its rules', epoch, capturedByIstio: true } as const
    pods.hear({ kind: 'answer', uid: 'u1', input })
    expect(effects(pods.hear({ kind: 'retired' }))).toEqual([])
    expect(effects(pods.hear({ kind: 'pod', pod: pod() }))).toEqual([])
    expect(pods.find('u1')).toMatchObject({ phase: 'failed', verdict: 'pass' })
  })

  it('tells a namespace’s process to the pod whose cgroup it is in', () => {
    const pods = roster()
    pods.hear(found())
    expect(pods.hear({ kind: 'netns-seen', cgroup: 999n, netns: NETNS, pid: 7 })).toEqual([])
    pods.hear({ kind: 'netns-seen', cgroup: 101n, netns: NETNS, pid: 7 })
    expect(pods.find('u1')?.netns).toBe(NETNS)
  })

  it('forgets a pod that has neither cgroup nor object', () => {
    const pods = roster()
    for (const fact of [found(), { kind: 'pod', pod: pod() }] as const) pods.hear(fact)
    pods.hear({ kind: 'cgroup-gone', id: 101n })
    expect(pods.find('u1')?.cgroup).toBeUndefined()
    pods.hear({ kind: 'pod-gone', uid: 'u1' })
    expect(pods.states).toEqual([])
  })

  it('keeps a pod whose former cgroup goes after its next was made', () => {
    const pods = roster()
    for (const fact of [found(101n), { kind: 'pod', pod: pod() }, found(102n)] as const) pods.hear(fact)
    expect(pods.hear({ kind: 'cgroup-gone', id: 101n })).toEqual([])
    expect(pods.find('u1')?.cgroup?.id).toBe(102n)
    pods.hear({ kind: 'cgroup-gone', id: 102n })
    expect(pods.find('u1')?.cgroup).toBeUndefined()
  })

  it('gives a pod of the same uid no answer of its predecessor', () => {
    const pods = roster()
    const facts = [namespace('in'), { kind: 'pod', pod: pod() }, found(101n)] as const
    for (const fact of facts) pods.hear(fact)
    const epoch = pods.find('u1')?.epoch ?? 0
    pods.hear({ kind: 'cgroup-gone', id: 101n })
    pods.hear({ kind: 'pod-gone', uid: 'u1' })
    for (const fact of facts) pods.hear(fact)
    expect(pods.find('u1')?.epoch).toBeGreaterThan(epoch)
    expect(pods.hear({ kind: 'answer', uid: 'u1', input: { kind: 'located', netns: NETNS, epoch } })).toEqual(
      []
    )
  })

  it('drops answers for pods that are gone', () => {
    expect(roster().hear({ kind: 'answer', uid: 'u9', input: { kind: 'left', epoch: 0 } })).toEqual([])
  })

  it.each<[string, Verdict, boolean]>([
    ['steered by a former agent', 'steer', true],
    ['held', 'unknown', false],
    ['running', 'none', false]
  ])('once synced, leaves as it is a pod that nobody names and that was %s', async (_, verdict, prepared) => {
    const pods = roster()
    pods.hear(found(101n, verdict, 'u1', prepared))
    expect(pods.hear({ kind: 'synced' })).toEqual([])
    await pods.synced
  })
})
