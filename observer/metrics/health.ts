// SPDX-License-Identifier: Apache-2.0
// What the kubelet's probes are told. Pure.

import type { Facts } from './facts.ts'

/** What must hold, by name; undefined: it does. */
export type Health = Readonly<Record<string, string | undefined>>

/** The agent gives a sign of life each second. */
const SILENCE_MS = 10_000

/** Restarting the agent would help: that it answers at all says that its event loop runs. */
export function liveness({ beatAgeMs }: Pick<Facts, 'beatAgeMs'>): Health {
  const seconds = Math.floor(beatAgeMs / 1000)
  return { heartbeat: beatAgeMs > SILENCE_MS ? `there was none for ${seconds} s` : undefined }
}

/** The node is served as it should be. Observing needs no ztunnel. */
export function readiness({ ready, ztunnels, mode, hookProblems }: Facts): Health {
  const problems = hookProblems()
  return {
    reconcile: ready ? undefined : 'what existed at the start is not dealt with yet',
    ztunnel: ztunnels.length > 0 || mode === 'observe' ? undefined : 'none is connected',
    hooks: problems.length === 0 ? undefined : problems.join(', ')
  }
}

export function isHealthy(health: Health): boolean {
  return Object.values(health).every((problem) => problem === undefined)
}

/** A line for each check, as Kubernetes' own components answer. */
export function healthText(health: Health): string {
  const lines = Object.entries(health).map(([name, problem]) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`
  )
  return `${lines.join('\n')}\n`
}
