// SPDX-License-Identifier: Apache-2.0

import { exhaustMap, interval, type Observable } from 'rxjs'
import { causeText } from '../errors/error.ts'
import type { Roster } from '../pods/roster.ts'
import { ExemptionSweep } from '../reconcile/exemptions.ts'
import type { Reconciler } from '../reconcile/reconciler.ts'
import type { Verifier } from '../reconcile/verifier.ts'
import { openHostNetns } from './node.ts'
import type { AgentParts } from './parts.ts'

const NO_CONNECTIONS = new Uint8Array()

/** It reads every exempt connection and every socket that may be one's: not in each round of the verification. */
const ROUNDS = 6

export function sweepExemptions(
  { config, kernel, log }: AgentParts,
  roster: Roster,
  reconciler: Reconciler,
  verifier: Verifier
): Observable<void> {
  const sweep = new ExemptionSweep({
    exempt: kernel.maps.exempt,
    connectionsIn: (netns) => connectionsIn(netns, roster, reconciler),
    connectionsOfNode,
    onSwept: (count) => verifier.note('exemption', `${count} whose connection is gone`, undefined, count)
  })
  return interval(config.verifyInterval * ROUNDS).pipe(
    exhaustMap(() =>
      sweep.round().catch((error: unknown) => {
        log.warn({ err: causeText(error) }, 'exemptions could not be looked through')
      })
    )
  )
}

/** A namespace that is no pod's has ended, and its sockets with it. */
async function connectionsIn(
  netns: bigint,
  roster: Roster,
  reconciler: Reconciler
): Promise<Uint8Array | undefined> {
  const state = roster.states.find((each) => each.netns === netns)
  if (state === undefined) return NO_CONNECTIONS
  const dwelling = reconciler.dwelling(state.uid)
  return dwelling?.netns.cookie === netns ? dwelling.netns.connections() : undefined
}

async function connectionsOfNode(): Promise<Uint8Array> {
  using host = openHostNetns()
  const [packed] = await host.run([{ op: 'connections' }])
  return packed
}
