// SPDX-License-Identifier: Apache-2.0

import { version } from '../cli/version.ts'
import type { StatusReport } from '../control/protocol.ts'
import { statusReport } from '../control/report.ts'
import type { PodAddresses } from '../maps/pod-entries.ts'
import type { Facts } from '../metrics/facts.ts'
import type { PodUid } from '../pods/pod.ts'
import type { AgentParts } from './parts.ts'

export interface StatusFacts {
  readonly parts: AgentParts
  /** Unix milliseconds. */
  readonly startedAt: number
  readonly addressesOf: (uid: PodUid) => PodAddresses | undefined
  readonly facts: Facts
}

export function agentReport({ parts, startedAt, addressesOf, facts }: StatusFacts): StatusReport {
  const { config, kernel, node } = parts
  return statusReport({
    ...facts,
    problems: [...facts.problems, ...facts.hookProblems()],
    startedAt,
    version,
    build: kernel.build,
    source: config.source,
    cgroup2: node.cgroup2.path,
    counters: facts.counters(),
    statOf: (netns) => kernel.maps.pod_stat.get(netns),
    ipsOf: ({ uid, pod }) => {
      const addresses = addressesOf(uid)
      if (addresses === undefined) return pod?.ips ?? []
      return [addresses.ipv4, addresses.ipv6].filter((ip) => ip !== undefined)
    },
    refusedZtunnels: Object.values(facts.refusedZtunnels).reduce((sum, count) => sum + count, 0)
  })
}
