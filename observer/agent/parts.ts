// SPDX-License-Identifier: Apache-2.0

import type { Logger } from 'pino'
import type { Config } from '../config/schema.ts'
import type { ComponentIdentity } from '../membership/policy.ts'
import type { EffectClock } from '../metrics/effect-clock.ts'
import type { Move } from '../pods/roster.ts'
import type { PodSource } from '../sources/source.ts'
import type { Listen } from '../ztunnel/server.ts'
import type { KernelSide } from './kernel-side.ts'
import type { Node } from './node.ts'

/** What the composition root hands to the agent. */
export interface AgentParts {
  readonly config: Config
  readonly log: Logger
  readonly node: Node
  readonly kernel: KernelSide
  readonly source: PodSource
  /** This agent, where it runs as a pod. */
  readonly identity?: ComponentIdentity | undefined
  /** Hears each step of each pod. */
  readonly publish?: ((move: Move) => void) | undefined
  readonly listen: Listen
  readonly clock: EffectClock
}
