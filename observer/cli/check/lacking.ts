// SPDX-License-Identifier: Apache-2.0
// What an older kernel lacks, out of the verifier's words when it refuses one of our objects.

/** The first that has all of them. */
export const OLDEST_KERNEL = '6.1'

interface Feature {
  readonly objects: readonly string[]
  /** The refusal on a kernel without it; helpers are told by their numbers, which never change. */
  readonly refusal: RegExp
  readonly name: string
  /** The Linux release that brought it. */
  readonly since: string
}

const FEATURES: readonly Feature[] = [
  { objects: ['connect', 'sendmsg'], refusal: /#187\b/, name: 'bpf_set_retval', since: '5.18' },
  {
    objects: ['lookup'],
    refusal: /invalid bpf_context access off=64\b/,
    name: 'ingress_ifindex of a listener lookup',
    since: '5.17'
  },
  {
    objects: ['guard'],
    refusal: /#123\b/,
    name: 'bpf_get_current_ancestor_cgroup_id for socket options',
    since: '6.1'
  },
  {
    objects: ['level'],
    refusal: /#123\b/,
    name: 'bpf_get_current_ancestor_cgroup_id for tracing',
    since: '5.15'
  },
  { objects: ['ztunnel'], refusal: /#122\b/, name: 'bpf_get_netns_cookie for sockops', since: '5.15' },
  {
    objects: ['observe'],
    refusal: /\bnet\.net_cookie\b/,
    name: 'cookies of network namespaces',
    since: '5.12'
  }
]

/** The feature without which that object is refused, with its kernel: "bpf_set_retval (5.18)". */
export function lackingFeature(object: string, refusal: string): string | undefined {
  const feature = FEATURES.find((known) => known.objects.includes(object) && known.refusal.test(refusal))
  return feature && `${feature.name} (${feature.since})`
}
