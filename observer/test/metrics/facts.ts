// SPDX-License-Identifier: Apache-2.0
import type { Facts } from '../../metrics/facts.ts'
import { cgroup, membership, pod, podState } from '../pods/pods.ts'

/** An agent at work: one pod is steered, one is held. */
export function factsOf(change: Partial<Facts> = {}): Facts {
  const inside = { pod: pod(), membership: membership('in'), cgroup: cgroup() }
  return {
    ready: true,
    problems: [],
    states: [
      podState({ ...inside, phase: 'verified', verdict: 'steer' }),
      podState({ ...inside, uid: 'u2', phase: 'held', verdict: 'held' })
    ],
    ztunnels: [
      {
        id: 1,
        pid: 77,
        cgroup: { id: 5n, path: '/cg/ztunnel', level: 1 },
        connectedAt: 0,
        isAlive: () => true
      }
    ],
    mode: 'enforce',
    paused: false,
    drift: { rule: 2 },
    resyncs: 3,
    wakeups: 4,
    refusedZtunnels: { 'not-ztunnel': 5 },
    refusals: [],
    counters: () => ({
      steered: 6,
      refused_held: 7,
      refused_mark: 8,
      events: 9,
      events_lost: 10,
      probes: 11
    }),
    beatAgeMs: 20,
    hookProblems: () => [],
    ...change
  }
}
