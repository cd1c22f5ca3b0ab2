// SPDX-License-Identifier: Apache-2.0
// Who is refused is told with the peer; whoever is refused in a loop fills no log.

import { describe, expect, it } from 'vitest'
import { DIAL } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import type { Line } from '../../world/running.ts'
import { FAMILIES, mesh } from '../setup/mesh.ts'
import { endpoint } from '../setup/route.ts'

/** refused_link_local: the kernel's records, the agent's lines, a second. */
const TOLD_A_SECOND = 5
const MANY = 10_000
const LINK_LOCAL = 'fe80::1234%eth0'

const node = mesh({ enrolled: ['app', 'busy'], plain: ['plain'], outsiders: ['outsider'] })

const isRefusal = (line: Line) => line.msg === 'refused'

describe('a refused connection is logged', () => {
  it.each(FAMILIES)('with the pod that dialled ztunnel’s port: %s', async (family) => {
    const dialled = endpoint(node.pod('app')[family], 15001)
    await node.pod('plain').connect(node.pod('app')[family], 15001)
    const line = await node.agent.waitForLog((each) => isRefusal(each) && each.dialled === dialled)
    expect(line).toMatchObject({ reason: 'dropped_guard', pod: 'default/app', peerPod: 'default/plain' })
    expect(String(line.peer).startsWith(endpoint(node.pod('plain')[family], 0).slice(0, -1))).toBe(true)
  })

  it.each(FAMILIES)('with the address of a stranger: %s', async (family) => {
    const dialled = endpoint(node.pod('app')[family], 15006)
    await node.outsider('outsider').connect(node.pod('app')[family], 15006)
    const line = await node.agent.waitForLog((each) => isRefusal(each) && each.dialled === dialled)
    expect(line.peerPod).toBeUndefined()
    expect(String(line.peer).startsWith(endpoint(node.outsider('outsider')[family], 0).slice(0, -1))).toBe(
      true
    )
  })

  it('with the process that dialled what ztunnel cannot carry', async () => {
    const dial = node.pod('app').startDial('connect', LINK_LOCAL, 81, '--wait-line')
    await dial.waitForEvent('waiting')
    dial.write('\n')
    await dial.finished()
    const line = await node.agent.waitForLog(
      (each) => isRefusal(each) && each.reason === 'refused_link_local' && each.peer === '[fe80::1234]:81'
    )
    expect(line).toMatchObject({ pod: 'default/app', direction: 'outbound', pid: dial.pid, command: 'dial' })
  })

  it('and shown by the status, the latest first', async () => {
    await node.pod('app').connect(LINK_LOCAL, 82)
    const { stdout } = await pollStatus((text) => text.includes('to [fe80::1234]:82'))
    expect(stdout).toMatch(/Lately refused:\n.*\n\S+ +default\/app +refused_link_local +to \[fe80::1234\]:82/)
  })
})

describe('10,000 refusals', () => {
  it('make a few lines a second, hide nobody else’s, and are told of by their number', async () => {
    const before = node.agent.log.length
    const begun = performance.now()
    const tally = await node.pod('busy').connectMany(LINK_LOCAL, 83, MANY, '--no-data')
    expect(tally.errors).toEqual({ ECONNREFUSED: MANY })
    await node.pod('app').connect(LINK_LOCAL, 84)
    await node.agent.waitForLog((line) => isRefusal(line) && line.peer === '[fe80::1234]:84')
    const seconds = (performance.now() - begun) / 1000
    const since = () => node.agent.log.slice(before).filter(({ reason }) => reason === 'refused_link_local')
    const sum = () =>
      since().reduce((all, line) => all + (isRefusal(line) ? 1 : Number(line.suppressed ?? 0)), 0)
    await expect.poll(sum, { timeout: 60_000 }).toBe(MANY + 1)
    expect(since().filter(isRefusal).length).toBeLessThanOrEqual(TOLD_A_SECOND * (seconds + 2) + 1)
  })
})

describe('a pod that is refused for every reason, from a namespace for each connection too', () => {
  /** What one may have told of it in a second is 5. */
  const DIALS = 4
  const ENDLESS = ['--count', 1_000_000, '--no-data', '--interval', 5]

  it.each(FAMILIES)('hides no other that dials the same pod: %s', async (family) => {
    const [app, busy, plain] = ['app', 'busy', 'plain'].map((name) => node.pod(name)) as [Pod, Pod, Pod]
    const nested = `while :; do unshare --net ${DIAL} connect ${plain[family]} 80 --no-data --timeout 50; done`
    const loops = [
      busy.startDial('connect', LINK_LOCAL, 85, ...ENDLESS),
      ...[15001, 15006].map((port) =>
        busy.startDial('connect', app[family], port, ...ENDLESS, '--timeout', 10)
      ),
      busy.startDial('connect', busy[family], 15001, ...ENDLESS),
      ...[1, 2, 3].map(() => busy.spawn(['sh', '-c', nested]))
    ]
    try {
      const by = (name: string, reason: string) => (line: Line) =>
        isRefusal(line) &&
        line.reason === reason &&
        (line.direction === 'inbound' ? line.peerPod : line.pod) === `default/${name}`
      for (const reason of ['refused_link_local', 'dropped_guard', 'refused_nested'])
        await node.agent.waitForLog(by('busy', reason))
      const second = () => Math.floor(Date.now() / 1000)
      const former = second()
      await expect.poll(second).toBeGreaterThan(former)
      const dialled = endpoint(app[family], 15006)
      for (let dial = 0; dial < DIALS; dial++) {
        const before = node.agent.log.length
        // One SYN, and none again.
        await plain.connect(app[family], 15006, '--timeout', 200)
        const told = () =>
          node.agent.log
            .slice(before)
            .some((line) => by('plain', 'dropped_guard')(line) && line.dialled === dialled)
        await expect.poll(told, { message: `dial ${dial}` }).toBe(true)
      }
      const port = 86 + FAMILIES.indexOf(family)
      await app.connect(LINK_LOCAL, port)
      await node.agent.waitForLog(
        (line) => isRefusal(line) && line.peer === `[fe80::1234]:${port}` && line.pod === 'default/app'
      )
    } finally {
      await Promise.all(loops.map((loop) => loop.stop('SIGKILL')))
    }
  })
})

async function pollStatus(satisfied: (text: string) => boolean) {
  for (const end = Date.now() + 60_000; ; ) {
    const status = await node.agent.cli('status')
    if (satisfied(status.stdout) || Date.now() > end) return status
  }
}
