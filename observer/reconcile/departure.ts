// SPDX-License-Identifier: Apache-2.0
// Takes a pod out of the mesh. Its new connections pass at once; those that ztunnel carries may end first,
// because a Del ends them.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Lookups } from '../hooks/lookups.ts'
import type { PodEntries } from '../maps/pod-entries.ts'
import type { ZdsServer } from '../ztunnel/server.ts'
import type { Dwelling } from './enrolment.ts'

/** A connect() that was marked a moment ago is found among the sockets only when its SYN goes out. */
const SETTLING_MS = 100
const FIRST_LOOK_MS = 20
const LAST_LOOK_MS = 1_000

/**
 * Waits until no socket of the pod carries the mark.
 * @param timeoutMs 0 waits not at all
 * @returns how many were left
 */
export async function drain(dwelling: Dwelling, timeoutMs: number, signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + timeoutMs
  await sleep(Math.min(SETTLING_MS, timeoutMs), undefined, { signal })
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(LAST_LOOK_MS, pause * 2)) {
    const left = await dwelling.netns.steeredSockets()
    if (left === 0 || performance.now() + pause > deadline) return left
    await sleep(pause, undefined, { signal })
  }
}

export interface DepartureParts {
  readonly entries: PodEntries
  readonly lookups: Pick<Lookups, 'remove'>
  readonly zds: Pick<ZdsServer, 'withdraw'>
}

/**
 * The pod must not be steered any more.
 * @param signal aborted when the pod joins again or goes meanwhile: the maps are another's then
 */
export async function depart(
  uid: string,
  dwelling: Dwelling,
  { entries, lookups, zds }: DepartureParts,
  signal: AbortSignal
): Promise<void> {
  const { netns } = dwelling
  await zds.withdraw(uid)
  try {
    await netns.restore()
  } finally {
    dwelling.lookup?.close()
    dwelling.lookup = undefined
    lookups.remove(netns.cookie)
  }
  signal.throwIfAborted()
  entries.writeNetns(netns.cookie, netns.addresses, { ...netns.addresses, more: [] })
}
