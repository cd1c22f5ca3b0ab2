// SPDX-License-Identifier: Apache-2.0
// What the kernel still holds of a dead agent's pods: it goes on steering and holding them.

import type { Pod, PodRecord, PodStat } from '#contract'
import { addressText } from '../maps/address.ts'
import { namedCounters } from '../maps/counters.ts'
import type { Mode } from '../maps/mode.ts'
import { type PodState, type PodStatus, podState, type StatusReport } from './protocol.ts'

/** What is shown of struct pod. */
export type PinnedPod = Pick<Pod, 'verdict' | 'netns' | 'since' | 'ip'>

/** Contents of the pinned maps. Keys of pods and records are cgroup ids, of stats netns cookies. */
export interface PinnedState {
  readonly pods: ReadonlyMap<bigint, PinnedPod>
  readonly records: ReadonlyMap<bigint, PodRecord>
  readonly stats: ReadonlyMap<bigint, PodStat>
  readonly mode: Mode
  readonly paused: boolean
  /** Summed over the CPUs, by index. */
  readonly counters: readonly bigint[]
  /** Paths below the cgroup2 mount of the cgroups that still exist. */
  readonly paths: ReadonlyMap<bigint, string>
}

/** The kernel's enumerators: names to values. */
export interface Enumerators {
  readonly verdict: Readonly<Record<string, number>>
  readonly counter: Readonly<Record<string, number>>
}

export interface Clocks {
  readonly realtimeMs: number
  readonly monotonicNs: bigint
}

/** States that a verdict allows, the first where no record says more. */
const STATES: Readonly<Record<string, readonly [PodState, ...PodState[]]>> = {
  VERDICT_PASS: ['outside', 'known', 'joining', 'leaving', 'unsupported', 'failed'],
  VERDICT_UNKNOWN: ['unknown'],
  VERDICT_HELD: ['held', 'joining', 'failed'],
  VERDICT_STEER: ['enrolled', 'verified', 'leaving', 'failed'],
  VERDICT_OBSERVE: ['observed']
}

export function pinnedReport(
  state: PinnedState,
  names: Enumerators,
  clocks: Clocks,
  version: string
): StatusReport {
  return {
    version,
    agent: { running: false },
    mode: state.mode,
    paused: state.paused,
    ztunnels: [],
    pods: [...state.pods].map(([cgroup, pod]) => podStatus(cgroup, pod, state, names, clocks)),
    counters: namedCounters(names.counter, (index) => state.counters[index] ?? 0n),
    drift: {},
    resyncs: 0,
    wakeups: 0,
    refusedZtunnels: 0,
    refusals: []
  }
}

function podStatus(
  cgroup: bigint,
  pod: PinnedPod,
  { records, stats, paths }: PinnedState,
  { verdict }: Enumerators,
  clocks: Clocks
): PodStatus {
  const record = records.get(cgroup)
  const stat = stats.get(pod.netns)
  const name = Object.keys(verdict).find((key) => verdict[key] === pod.verdict) ?? ''
  const states = STATES[name] ?? ['failed']
  const recorded = podState.safeParse(record?.state).data
  const state = recorded !== undefined && states.includes(recorded) ? recorded : states[0]
  const path = paths.get(cgroup)
  return {
    namespace: record?.namespace ?? '',
    name: record?.name ?? '',
    uid: record?.uid ?? '',
    ips: pod.ip.flatMap((address) => addressText(address) ?? []),
    ...(path === undefined ? {} : { cgroup: path }),
    cgroupId: String(cgroup),
    ...(pod.netns === 0n ? {} : { netns: String(pod.netns) }),
    state,
    since: new Date(sinceMs(pod, record, clocks)).toISOString(),
    steered: Number((stat?.steered ?? 0n) + (stat?.accepted ?? 0n)),
    refused: Number(stat?.refused ?? 0n),
    reason: record?.reason ?? (name === '' ? `unknown verdict ${pod.verdict}` : 'no agent has said yet'),
    conditions: [],
    outside: state === 'outside' || state === 'unsupported'
  }
}

function sinceMs(pod: PinnedPod, record: PodRecord | undefined, clocks: Clocks): number {
  if (record !== undefined && record.since > 0n) return Number(record.since)
  return clocks.realtimeMs - Number((clocks.monotonicNs - pod.since) / 1_000_000n)
}
