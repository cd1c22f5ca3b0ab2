// SPDX-License-Identifier: Apache-2.0
// The living agent's answer to `sluice status`.

import { pid } from 'node:process'
import type { PodStat } from '#contract'
import type { Mode } from '../maps/mode.ts'
import type { PodState } from '../pods/state.ts'
import type { ZtunnelInfo } from '../ztunnel/workload.ts'
import { type PodStatus, podState, type RefusalEntry, type StatusReport } from './protocol.ts'

export interface ReportFacts {
  readonly version: string
  /** Of the kernel programs. */
  readonly build: string
  /** Unix milliseconds. */
  readonly startedAt: number
  readonly source: 'manifest' | 'kubernetes'
  readonly ready: boolean
  readonly mode: Mode
  readonly paused: boolean
  readonly problems: readonly string[]
  readonly states: readonly PodState[]
  readonly ztunnels: readonly ZtunnelInfo[]
  readonly ipsOf: (state: PodState) => readonly string[]
  readonly statOf: (netns: bigint) => PodStat | undefined
  /** Of the cgroup2 mount; paths are told below it. */
  readonly cgroup2: string
  readonly counters: Readonly<Record<string, number>>
  readonly drift: Readonly<Record<string, number>>
  readonly resyncs: number
  readonly wakeups: number
  readonly refusedZtunnels: number
  readonly refusals: readonly RefusalEntry[]
}

export function statusReport(facts: ReportFacts): StatusReport {
  const { version, startedAt, source, ready, problems, counters, drift, resyncs, wakeups, refusedZtunnels } =
    facts
  return {
    version,
    agent: {
      running: true,
      pid,
      startedAt: iso(startedAt),
      build: facts.build,
      source,
      ready,
      problems: [...problems]
    },
    mode: facts.mode,
    paused: facts.paused,
    ztunnels: facts.ztunnels.map(({ pid: peer, cgroup, connectedAt }) => ({
      pid: peer,
      cgroup: below(cgroup.path, facts.cgroup2),
      connectedAt: iso(connectedAt)
    })),
    pods: facts.states.map((state) => podStatus(state, facts)),
    counters: { ...counters },
    drift: { ...drift },
    resyncs,
    wakeups,
    refusedZtunnels,
    refusals: [...facts.refusals]
  }
}

function podStatus(state: PodState, facts: ReportFacts): PodStatus {
  const { pod, uid, cgroup, netns, membership, lastError, conditions } = state
  const stat = netns === undefined ? undefined : facts.statOf(netns)
  return {
    namespace: pod?.namespace ?? '',
    name: pod?.name ?? '',
    uid,
    ips: [...facts.ipsOf(state)],
    ...(cgroup === undefined ? {} : { cgroup: below(cgroup.path, facts.cgroup2) }),
    cgroupId: String(cgroup?.id ?? 0n),
    ...(netns === undefined ? {} : { netns: String(netns) }),
    state: shownState(state),
    since: iso(state.since),
    steered: Number((stat?.steered ?? 0n) + (stat?.accepted ?? 0n)),
    refused: Number(stat?.refused ?? 0n),
    ...(lastError === undefined ? {} : { lastError }),
    conditions: [...conditions],
    reason: reasonOf(state),
    outside: membership?.decision !== 'in' && membership?.decision !== 'observed'
  }
}

function reasonOf({ membership, listed }: PodState): string {
  if (membership === undefined) return 'no source has named it yet'
  return listed ? membership.reason : `${membership.reason}; no source names it any more`
}

/** What the phase alone does not say: why a pod is outside, and that nobody has judged it. */
export function shownState({ phase, verdict, membership }: PodState): PodStatus['state'] {
  if (phase === 'outside' && membership?.decision === 'unsupported') return 'unsupported'
  if (phase === 'outside' && membership?.decision === 'observed') return 'observed'
  if (phase === 'known' && verdict === 'unknown') return 'unknown'
  return podState.parse(phase)
}

function below(path: string, root: string): string {
  return path.startsWith(`${root}/`) ? path.slice(root.length) : path
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
