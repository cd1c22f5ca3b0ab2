// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from 'node:timers/promises'
import { startComponent, stopComponent } from './component.ts'
import { apiserver } from './control-plane.ts'
import type { ClusterState } from './state.ts'

/** @param awayMs how long nobody answers */
export async function restartApiServer(state: ClusterState, awayMs = 0): Promise<void> {
  await stopComponent(state, 'kube-apiserver')
  await sleep(awayMs)
  await startComponent(state, apiserver(state))
}
