// SPDX-License-Identifier: Apache-2.0
// What of a pod's entries is not as the agent wrote it. Pure.

import { layout, type Pod as PodEntry } from '#contract'
import { addressOf } from '../maps/address.ts'
import { hasAddress, hostsOf, NO_ADDRESSES, type PodAddresses, placed } from '../maps/pod-entries.ts'
import { addressKey, type PodSnapshot } from '../maps/pod-snapshot.ts'
import { verdictName } from '../maps/verdicts.ts'
import { NO_TRAITS, type Traits } from '../membership/traits.ts'
import type { Phase, PodState } from '../pods/state.ts'

/** What an enrolment wrote besides the verdict. */
export interface Enrolled {
  readonly addresses: PodAddresses
  readonly traits: Traits
  readonly probePorts: readonly number[]
}

const NOTHING: Enrolled = { addresses: NO_ADDRESSES, traits: NO_TRAITS, probePorts: [] }

type Wanted = Pick<PodEntry, 'cgroup' | 'netns' | 'flags' | 'ip'>

/** An enrolment may have steered the pod a moment ago, and its answer is still on the way. */
const AWAITING: ReadonlySet<Phase> = new Set(['held', 'joining', 'failed'])

/**
 * @param enrolled undefined: only the verdict was written
 * @returns a line for each entry that is missing or different
 */
export function wrongEntries(
  state: PodState,
  enrolled: Enrolled | undefined,
  found: PodSnapshot
): readonly string[] {
  const { cgroup, netns, verdict, phase } = state
  if (cgroup === undefined || verdict === 'none') return []
  const { addresses, traits } = enrolled ?? NOTHING
  const wanted: Wanted = { cgroup: cgroup.id, netns: netns ?? 0n, ...placed(addresses, traits) }
  const whole = verdict === 'steer' ? enrolled : undefined
  const compare = (map: string, entry: PodEntry): string[] => {
    const named = verdictName(entry.verdict)
    if (named === 'steer' && entry.netns === wanted.netns && AWAITING.has(phase)) return []
    if (named !== verdict) return [`${map} says ${named} instead of ${verdict}`]
    return sameEntry(entry, wanted, whole !== undefined) ? [] : [`${map} has another entry`]
  }
  const own = found.cgroups.get(cgroup.id)
  const inside = netns === undefined ? undefined : found.netns.get(netns)
  return [
    ...(own === undefined ? ['cgroup_pod has no entry'] : compare('cgroup_pod', own)),
    ...(inside === undefined ? [] : compare('netns_pod', inside)),
    ...(inside === undefined && verdict === 'steer' ? ['netns_pod has no entry'] : []),
    ...(whole === undefined || netns === undefined ? [] : wrongBeside(netns, whole, found))
  ]
}

/** Before the pod is enrolled its namespace may be known and not written yet. */
function sameEntry(entry: PodEntry, wanted: Wanted, whole: boolean): boolean {
  if (entry.version !== layout.LAYOUT_VERSION || entry.cgroup !== wanted.cgroup) return false
  if (!whole) return entry.netns === wanted.netns || entry.netns === 0n
  const sameIps = wanted.ip.every((ip, index) => {
    const other = entry.ip[index]
    return other !== undefined && addressKey(ip) === addressKey(other)
  })
  return entry.netns === wanted.netns && entry.flags === wanted.flags && sameIps
}

/** What else is kept of its namespace. */
function wrongBeside(
  netns: bigint,
  { addresses, probePorts }: Enrolled,
  found: PodSnapshot
): readonly string[] {
  const key = (ip: string) => addressKey(addressOf(ip))
  const others = found.others.get(netns) ?? new Set()
  const further = new Set(addresses.more.map(key))
  const hosts = hostsOf(addresses).filter((ip) => {
    const holder = found.hosts.get(key(ip))
    // One that has it too keeps it: each pod would take it from the other in turn.
    return holder !== netns && !(holder !== undefined && hasAddress(found.netns.get(holder), addressOf(ip)))
  })
  return [
    ...hosts.map((ip) => `addr_netns lacks ${ip}`),
    ...(further.isSubsetOf(others) ? [] : ['own_addr lacks an address']),
    ...(others.isSubsetOf(further) ? [] : ['own_addr has an address that the pod has not']),
    ...(isSame(found.probed.get(netns), probePorts) ? [] : ['probe_port has other ports']),
    ...(found.counted.has(netns) ? [] : ['pod_stat has no entry'])
  ]
}

function isSame<T>(found: ReadonlySet<T> = new Set(), wanted: readonly T[]): boolean {
  return found.symmetricDifference(new Set(wanted)).size === 0
}
