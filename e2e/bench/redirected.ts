// SPDX-License-Identifier: Apache-2.0
// The baseline: a network namespace whose connections one iptables rule sends to the same stand-in, without Sluice.

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { ztunnel_port } from '#contract'
import { encodeRequest, type Request } from '../../observer/ztunnel/bytes.ts'
import { must } from '../world/running.ts'
import type { World } from '../world/world.ts'
import { STAND_IN } from '../ztunnel/launch.ts'

const DRIVER = join(import.meta.dirname, '../../build/e2e/zds-driver')
/** What ztunnel writes on its own sockets. */
const ZTUNNEL_MARK = '0x539/0xfff'

/** A place of its own, whose connections to `port` go to a stand-in that listens there. */
export async function redirectedPlace(world: World, port: number) {
  const place = await world.outsider('redirected')
  const socket = join(world.runDirectory, 'baseline.sock')
  const driver = world.host.spawn([DRIVER, socket])
  await driver.waitForEvent('listening')
  const proxy = world.host.spawn([STAND_IN], { env: { INPOD_UDS: socket } })
  await driver.waitForEvent('accepted')
  const offer = {
    uid: randomUUID(),
    netns: '',
    name: 'baseline',
    namespace: 'default',
    serviceAccount: 'baseline'
  }
  const add: Request = { kind: 'add', offer: { ...offer, netnsFd: -1 } }
  driver.write(`send ${hex(add)} /var/run/netns/${place.netns}\n`)
  driver.write(`send ${hex({ kind: 'snapshot' })}\n`)
  await proxy.waitForEvent('started')
  const rule =
    `-t nat -A OUTPUT -p tcp --dport ${port} -m mark ! --mark ${ZTUNNEL_MARK} ` +
    `-j REDIRECT --to-ports ${ztunnel_port.ZTUNNEL_OUTBOUND}`
  await must(['ip', 'netns', 'exec', place.netns, 'iptables', ...rule.split(' ')])
  return place
}

function hex(request: Request): string {
  return Buffer.from(encodeRequest(request)).toString('hex')
}
