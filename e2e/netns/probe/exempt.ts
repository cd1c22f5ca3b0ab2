// SPDX-License-Identifier: Apache-2.0
// Who is taken for the kubelet: its connections reach the pod `app` past ztunnel.

import { existsSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { DIAL, type Place } from '../../world/place.ts'
import type { Running } from '../../world/running.ts'
import { FAMILIES, type Mesh } from '../setup/mesh.ts'
import { clientSeen } from '../setup/route.ts'

export const PORT = 8080

/** Whether a process there reaches the pod past ztunnel, in both families. */
export async function isExempt(node: Mesh, place: Place): Promise<boolean> {
  const passed = await Promise.all(
    FAMILIES.map(async (family) => {
      const connected = await place.connect(node.pod('app')[family], PORT)
      expect(connected).toMatchObject({ ok: true, ended: 'line' })
      return clientSeen(connected) === connected.local
    })
  )
  expect(new Set(passed).size).toBe(1)
  return passed[0] ?? false
}

export function untilExempt(node: Mesh, place: Place, exempt = true): Promise<void> {
  return expect.poll(() => isExempt(node, place), { interval: 100 }).toBe(exempt)
}

/** A process named kubelet, as /proc tells. @param by the command that runs it, by an exec at its end */
export async function startKubelet(
  node: Mesh,
  place: Place,
  by: readonly (string | number)[] = []
): Promise<Running> {
  const executable = join(node.world.runDirectory, 'kubelet')
  if (!existsSync(executable)) await copyFile(DIAL, executable)
  await place.makeCgroup()
  const kubelet = place.spawn([...by, executable, 'pause'])
  await kubelet.waitForEvent('paused')
  return kubelet
}
