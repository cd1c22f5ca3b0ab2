// SPDX-License-Identifier: Apache-2.0

import { version } from '../cli/version.ts'
import type { StatusReport } from '../control/protocol.ts'
import { type ReportFacts, statusReport } from '../control/report.ts'
import type { PodAddresses } from '../maps/pod-entries.ts'
import type { PodUid } from '../pods/pod.ts'
import type { AgentParts } from './agent.ts'

type Passed = 'startedAt' | 'ready' | 'problems' | 'states' | 'ztunnels' | 'drift' | 'resyncs' | 'wakeups'

export interface StatusFacts extends Pick<ReportFacts, Passed> {
  readonly parts: AgentParts
  readonly addressesOf: (uid: PodUid) => PodAddresses | undefined
  /** By reason. */
  readonly refusedZtunnels: Readonly<Record<string, number>>
}

export function agentReport({ parts, addressesOf, refusedZtunnels, ...facts }: StatusFacts): StatusReport {
  const { config, kernel, node } = parts
  return statusReport({
    ...facts,
    version,
    source: config.source,
    cgroup2: node.cgroup2.path,
    counters: kernel.counters(),
    statOf: (netns) => kernel.maps.pod_stat.get(netns),
    ipsOf: ({ uid, pod }) => {
      const addresses = addressesOf(uid)
      if (addresses === undefined) return pod?.ips ?? []
      return [addresses.ipv4, addresses.ipv6].filter((ip) => ip !== undefined)
    },
    refusedZtunnels: Object.values(refusedZtunnels).reduce((sum, count) => sum + count, 0)
  })
}
