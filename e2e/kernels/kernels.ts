// SPDX-License-Identifier: Apache-2.0

export interface Kernel {
  readonly series: string
  /** What `sluice check` must name as lacking there; nothing: everything has to work. */
  readonly lacks: readonly string[]
}

/** Debian suites that have cloud kernels of these series: 5.10, 6.1, 6.12 and 6.12. */
export const SUITES = ['bullseye', 'bookworm', 'bookworm-backports', 'trixie'] as const

export const KERNELS: readonly Kernel[] = [
  { series: '6.1', lacks: [] },
  { series: '6.12', lacks: [] },
  {
    series: '5.10',
    lacks: [
      'bpf_set_retval (5.18)',
      'ingress_ifindex of a listener lookup (5.17)',
      'bpf_get_current_ancestor_cgroup_id for socket options (6.1)',
      'bpf_get_netns_cookie for sockops (5.15)',
      'cookies of network namespaces (5.12)'
    ]
  }
]

/** Every kind of decision that the kernel takes part in; all of the layer takes hours under emulation. */
export const REPRESENTATIVE: readonly string[] = [
  'e2e/netns/steer/',
  'e2e/netns/inbound/',
  'e2e/netns/dns/',
  'e2e/netns/hold/',
  'e2e/netns/rules/',
  'e2e/netns/probe/',
  'e2e/netns/restart/agent-late.test.ts',
  'e2e/netns/restart/unattended.test.ts',
  'e2e/netns/restart/ztunnel-away.test.ts'
]
