// SPDX-License-Identifier: Apache-2.0
// What the agent tells of itself, at the moment of the question.

import type { RefusalEntry } from '../control/protocol.ts'
import type { Mode } from '../maps/mode.ts'
import type { PodState } from '../pods/state.ts'
import type { ZtunnelInfo } from '../ztunnel/workload.ts'

type Counts = Readonly<Record<string, number>>

export interface Facts {
  /** Everything that existed at the start is dealt with. */
  readonly ready: boolean
  readonly problems: readonly string[]
  readonly states: readonly PodState[]
  readonly ztunnels: readonly ZtunnelInfo[]
  readonly mode: Mode
  readonly paused: boolean
  /** Since the agent started, by kind. */
  readonly drift: Counts
  readonly resyncs: number
  readonly wakeups: number
  /** Since the agent started, by reason. */
  readonly refusedZtunnels: Counts
  /** The latest connections that hooks refused, the latest first. */
  readonly refusals: readonly RefusalEntry[]
  /** Since the maps were made, by the names of enum counter in lower case without COUNT_; reads the kernel. */
  readonly counters: () => Counts
  /** Milliseconds since the last sign of life. */
  readonly beatAgeMs: number
  /** Asks the kernel about every hook. */
  readonly hookProblems: () => readonly string[]
}
