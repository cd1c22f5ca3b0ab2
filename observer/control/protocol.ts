// SPDX-License-Identifier: Apache-2.0
// What the agent answers on its control socket, and what `sluice status --json` prints: a public surface.

import * as z from 'zod'
import { LOG_LEVELS, MODES } from '../config/schema.ts'
import { CONDITIONS } from '../pods/condition.ts'

export const podState = z.enum([
  'known',
  'unknown',
  'held',
  'joining',
  'enrolled',
  'verified',
  'leaving',
  'outside',
  'observed',
  'unsupported',
  'failed'
])

export const podStatus = z.object({
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  ips: z.array(z.string()),
  /** Path below the cgroup2 mount. */
  cgroup: z.string().optional(),
  /** 64 bits, decimal. */
  cgroupId: z.string(),
  /** Cookie of the network namespace, decimal. */
  netns: z.string().optional(),
  state: podState,
  /** Last change of state, ISO 8601. */
  since: z.string(),
  /** Connections steered, inbound ones included. */
  steered: z.number(),
  /** Connections that a hook refused. */
  refused: z.number(),
  lastError: z.string().optional(),
  /** What is not as it should be though it is steered. */
  conditions: z.array(z.object({ kind: z.enum(CONDITIONS), message: z.string() })).default([]),
  /** Why it is in the mesh or outside it. */
  reason: z.string(),
  outside: z.boolean()
})

export const agentStatus = z.discriminatedUnion('running', [
  z.object({
    running: z.literal(true),
    pid: z.number(),
    startedAt: z.string(),
    /** Of the kernel programs that it has attached. */
    build: z.string(),
    source: z.enum(['manifest', 'kubernetes']),
    /** Everything that existed at the start is dealt with. */
    ready: z.boolean(),
    problems: z.array(z.string())
  }),
  z.object({ running: z.literal(false) })
])

export const ztunnelStatus = z.object({ pid: z.number(), cgroup: z.string(), connectedAt: z.string() })

export const refusalEntry = z.object({
  /** ISO 8601. */
  at: z.string(),
  /** By the names of enum counter, in lower case without COUNT_. */
  reason: z.string(),
  /** "namespace/name", or its uid. */
  pod: z.string().optional(),
  direction: z.enum(['inbound', 'outbound']),
  /** Who dialled, or what was dialled: "10.0.0.1:80"; none for an option of a socket without a connection. */
  peer: z.string().optional(),
  /** The pod of this node that has the peer's address. */
  peerPod: z.string().optional(),
  /** Inbound: where the pod was dialled. */
  dialled: z.string().optional(),
  pid: z.number().optional(),
  command: z.string().optional()
})

export const statusReport = z.object({
  version: z.string(),
  agent: agentStatus,
  /** What the agent was told to do. */
  mode: z.enum(MODES),
  /** By `sluice pause`: every connection passes, whatever the mode. */
  paused: z.boolean(),
  ztunnels: z.array(ztunnelStatus),
  pods: z.array(podStatus),
  /** By the names of enum counter, in lower case without COUNT_. */
  counters: z.record(z.string(), z.number()),
  /** What was found changed behind the agent's back and repaired, by kind. */
  drift: z.record(z.string(), z.number()),
  resyncs: z.number(),
  /** Times that the kernel's events woke the agent. */
  wakeups: z.number(),
  /** Peers on the ZDS socket that were not ztunnel. */
  refusedZtunnels: z.number(),
  /** The latest connections that hooks refused, the latest first; counters have them all. */
  refusals: z.array(refusalEntry)
})

export type PodState = z.output<typeof podState>
export type PodStatus = z.output<typeof podStatus>
export type ZtunnelStatus = z.output<typeof ztunnelStatus>
export type RefusalEntry = z.output<typeof refusalEntry>
export type StatusReport = z.output<typeof statusReport>

export const STATUS_PATH = '/status'

/** What PUT takes, and what it answers. */
export const logLevelChange = z.object({ level: z.enum(LOG_LEVELS) })
export const logLevelChanged = z.object({ former: z.string() })

export type LogLevel = z.output<typeof logLevelChange>['level']
export type LogLevelChanged = z.output<typeof logLevelChanged>

export const LOG_LEVEL_PATH = '/log-level'
