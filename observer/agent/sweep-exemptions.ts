// SPDX-License-Identifier: Apache-2.0

import { EMPTY, exhaustMap, interval, type Observable } from 'rxjs'
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

/** Also in each round of the verification before which a connection found no room. */
export function sweepExemptions(
  { config, kernel, log }: AgentParts,
  roster: Roster,
  reconciler: Reconciler,
  verifier: Verifier
): Observable<void> {
  const sweeps = [kernel.maps.exempt, kernel.maps.exempt_probe].map(
    (exempt) =>
      new ExemptionSweep({
        exempt,
        connectionsIn: (netns) => connectionsIn(netns, roster, reconciler),
        connectionsOfNode,
        onSwept: (count) => verifier.note('exemption', `${count} whose connection is gone`, undefined, count)
      })
  )
  const round = async () => {
    try {
      for (const sweep of sweeps) await sweep.round()
    } catch (error) {
      log.warn({ err: causeText(error) }, 'exemptions could not be looked through')
    }
  }
  let { unexempted } = kernel
  const hadNoRoom = () => {
    const before = unexempted
    unexempted = kernel.unexempted
    return unexempted > before
  }
  // Asked only when a round can begin: what finds no room while one is under way is the next one's.
  return interval(config.verifyInterval).pipe(
    exhaustMap((count) => (hadNoRoom() || count % ROUNDS === ROUNDS - 1 ? round() : EMPTY))
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
