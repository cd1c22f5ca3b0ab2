// SPDX-License-Identifier: Apache-2.0

import type { StatusReport } from '../../control/protocol.ts'

/** An agent with a pod of each sort. */
export const report: StatusReport = {
  version: '0.1.0',
  agent: {
    running: true,
    pid: 4242,
    startedAt: '2026-01-02T00:00:00.000Z',
    build: '0123456789ab',
    source: 'manifest',
    ready: true,
    problems: ['manifest /m/broken.yaml: line 3 is not YAML']
  },
  mode: 'enforce',
  paused: false,
  ztunnels: [{ pid: 77, cgroup: '/kubepods/podz', connectedAt: '2026-01-02T00:01:00.000Z' }],
  pods: [
    {
      namespace: 'shop',
      name: 'cart',
      uid: 'u1',
      ips: ['10.0.0.1', 'fd00::1'],
      cgroup: '/kubepods/podu1',
      cgroupId: '101',
      netns: '4026',
      state: 'verified',
      since: '2026-01-02T01:00:00.000Z',
      steered: 12,
      refused: 0,
      reason: 'label of namespace shop',
      conditions: [],
      outside: false
    },
    {
      namespace: 'shop',
      name: 'pay\x1b[31m',
      uid: 'u2',
      ips: [],
      cgroupId: '102',
      state: 'failed',
      since: '2026-01-02T03:00:00.000Z',
      steered: 0,
      refused: 3,
      lastError: 'ztunnel gave no ack',
      reason: 'annotation',
      conditions: [],
      outside: false
    },
    {
      namespace: 'kube-system',
      name: 'coredns',
      uid: 'u3',
      ips: ['10.0.0.9'],
      cgroup: '/kubepods/podu3',
      cgroupId: '103',
      netns: '4027',
      state: 'outside',
      since: '2025-12-30T00:00:00.000Z',
      steered: 0,
      refused: 0,
      reason: 'namespace kube-system is excluded',
      conditions: [],
      outside: true
    }
  ],
  counters: { steered: 12, passed: 0, refused_held: 3 },
  drift: { rule: 1 },
  resyncs: 2,
  wakeups: 12,
  refusedZtunnels: 1,
  refusals: [
    {
      at: '2026-01-02T03:04:00.000Z',
      reason: 'dropped_guard',
      pod: 'shop/cart',
      direction: 'inbound',
      peer: '10.0.0.9:40000',
      peerPod: 'kube-system/coredns',
      dialled: '10.0.0.1:15001'
    },
    {
      at: '2026-01-02T03:03:00.000Z',
      reason: 'refused_held',
      direction: 'outbound',
      peer: '[fd00::9]:443',
      pid: 4711,
      command: 'cu\x1brl'
    }
  ]
}
