// SPDX-License-Identifier: Apache-2.0
// A ztunnel that serves the namespaces it is given, without Sluice: the tests' own end of ZDS tells it of them.

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { encodeRequest, type Request } from '../../observer/ztunnel/bytes.ts'
import type { Place } from '../world/place.ts'
import type { Running } from '../world/running.ts'
import type { World } from '../world/world.ts'

const DRIVER = join(import.meta.dirname, '../../build/e2e/zds-driver')

/**
 * Resolves when the ztunnel that `start` starts, and that dials `socket`, listens in all places. It knows them by
 * their names, in the namespace "default". @throws when it refuses one
 */
export async function serveByDriver(
  world: World,
  socket: string,
  places: readonly Place[],
  start: () => Promise<unknown>
): Promise<void> {
  const driver = world.host.spawn([DRIVER, socket])
  await driver.waitForEvent('listening')
  await start()
  await driver.waitForEvent('received')
  for (const { name, netns } of places) {
    const who = { uid: randomUUID(), name, namespace: 'default', serviceAccount: name }
    const add: Request = { kind: 'add', offer: { ...who, netns: '', netnsFd: -1 } }
    await ask(driver, add, `/var/run/netns/${netns}`)
  }
  await ask(driver, { kind: 'snapshot' })
}

/** ztunnel answers each request before it reads the next; an answer without an error is empty. */
async function ask(driver: Running, request: Request, file = ''): Promise<void> {
  const before = driver.lines.length
  driver.write(`send ${Buffer.from(encodeRequest(request)).toString('hex')} ${file}\n`)
  const answer = await driver.waitFor((line) => driver.lines.indexOf(line) >= before)
  if (answer.hex !== '0a00') throw new Error(`ztunnel answers a request with ${JSON.stringify(answer)}`)
}
