// SPDX-License-Identifier: Apache-2.0
// The baseline: a network namespace with Istio's own rules, whose connections go to the same stand-in, without Sluice.

import { join } from 'node:path'
import type { Place } from '../world/place.ts'
import type { World } from '../world/world.ts'
import { STAND_IN } from '../ztunnel/launch.ts'
import { serveByDriver } from './driven.ts'
import { writeIstioRules } from './istio-rules.ts'

export async function redirectedPlace(world: World): Promise<Place> {
  const place = await world.outsider('redirected')
  const socket = join(world.runDirectory, 'baseline.sock')
  await serveByDriver(world, socket, [place], async () =>
    world.host.spawn([STAND_IN], { env: { INPOD_UDS: socket } })
  )
  await writeIstioRules(place)
  return place
}
