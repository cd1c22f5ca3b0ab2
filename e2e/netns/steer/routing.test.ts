// SPDX-License-Identifier: Apache-2.0
// Somebody with CAP_NET_ADMIN takes the pod's routing away.

import { beforeAll, describe, expect, it } from 'vitest'
import type { Connected, Server } from '../../world/place.ts'
import { must } from '../../world/running.ts'
import { unattended } from '../setup/hook.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const ROUNDS = 4
const VERSION = { ipv4: '-4', ipv6: '-6' } as const
const LOSSES = {
  'the route': ['route flush table 5151'],
  'the rule that looks it up': ['rule del pref 1'],
  'the rule that refuses': ['rule del pref 2'],
  'both rules': ['rule del pref 1', 'rule del pref 2']
} as const
type Loss = keyof typeof LOSSES
const CASES = FAMILIES.flatMap((family) =>
  (Object.keys(LOSSES) as Loss[]).map((loss) => [family, loss] as const)
)

const node = mesh({ enrolled: ['app'], outsiders: ['server'], agent: { config: { verifyInterval: '1h' } } })
let server: Server

const address = (family: Family) => node.outsider('server')[family]

beforeAll(async () => {
  server = await node.outsider('server').serve(PORT)
})

async function lose(loss: Loss, family: Family): Promise<void> {
  for (const command of LOSSES[loss]) await node.pod('app').ip(VERSION[family], ...command.split(' '))
}

function dialled(family: Family, ...options: readonly (string | number)[]): Promise<Connected> {
  return node.pod('app').connect(address(family), PORT, ...options)
}

describe('with no agent to repair it', () => {
  it.each(FAMILIES)(
    'nothing leaves in the clear without the route or the rule that looks it up: %s',
    async (family) => {
      const pod = node.pod('app')
      const seen = server.seen.length
      for (const loss of ['the route', 'the rule that looks it up'] as const)
        await unattended(node, async () => {
          await lose(loss, family)
          expect(await dialled(family, '--timeout', 300), loss).toMatchObject({ ok: false, stage: 'connect' })
          expect(server.seen).toHaveLength(seen)
        })
      const to = endpoint(address(family), PORT)
      await expectSteered(node, await dialled(family), { from: pod, family, to })
    }
  )

  it.each(FAMILIES)('it does without both rules, until there is an agent again: %s', async (family) => {
    await unattended(node, async () => {
      await lose('both rules', family)
      expectPlain(await dialled(family))
    })
    const to = endpoint(address(family), PORT)
    await expectSteered(node, await dialled(family), { from: node.pod('app'), family, to })
  })
})

describe('with an agent', () => {
  it.each(CASES)('it is put back, counted and told: %s, %s', async (family, loss) => {
    const kind = loss === 'the route' ? 'route' : 'rule'
    const before = (await node.report()).drift[kind] ?? 0
    await lose(loss, family)
    // Of two losses the second may come while the first is repaired, and is mended with it.
    await node.agent.until((report) => (report.drift[kind] ?? 0) > before)
    expect((await node.agent.status()).drift[kind]).toBeGreaterThan(before)
    const to = endpoint(address(family), PORT)
    await expectSteered(node, await dialled(family), { from: node.pod('app'), family, to })
  })

  it.each(CASES)('it is back within 100 ms: %s, %s', async (family, loss) => {
    const watched = node.pod('app').spawn(['ip', '-ts', VERSION[family], 'monitor', 'rule', 'route'])
    const times = () => exposures(watched.stdout, LOSSES[loss].map(tells))
    const there = async () => {
      const shown = await Promise.all([
        node.pod('app').ip(VERSION[family], 'rule'),
        node.pod('app').ip(VERSION[family], 'route', 'show', 'table', '5151')
      ])
      return shown.join('')
    }
    // Now and then the agent is quicker than the second deletion, and the pod was never without both.
    for (let tried = 0; times().length < ROUNDS && tried < 10 * ROUNDS; tried++) {
      await expect.poll(there).toMatch(/^1:[\s\S]*^2:[\s\S]*^local /m)
      await must(['ip', '-n', node.pod('app').netns, VERSION[family], '-batch', '-'], LOSSES[loss].join('\n'))
      await expect.poll(async () => (await dialled(family, '--timeout', 300)).ok).toBe(true)
    }
    await watched.stop()
    expect(times().length).toBeGreaterThanOrEqual(ROUNDS)
    console.log(
      `${family}: ${loss} away for ms: ${times()
        .map((ms) => ms.toFixed(2))
        .join(' ')}`
    )
    // By the netlink message: the next look at the pod would come after an hour. A busy machine makes some late.
    expect(Math.min(...times())).toBeLessThan(100)
  })
})

/** What `ip monitor` says of what that command takes away. */
function tells(command: string): RegExp {
  const [, priority] = /^rule del pref (\d+)$/.exec(command) ?? []
  return priority === undefined ? / table 5151\b/ : new RegExp(`^${priority}:`)
}

/**
 * How long all these were away each time, in ms, once one is back.
 * @param text of `ip -ts monitor`: "[2026-11-22T05:00:00.123456] Deleted 1: from all fwmark ..."
 */
function exposures(text: string, things: readonly RegExp[]): number[] {
  const away = new Set<number>()
  const times: number[] = []
  let gone: number | undefined
  for (const [, time = '', deleted, what = ''] of text.matchAll(/^\[([^\]]+)\] ?(Deleted )?(.*)$/gm)) {
    const thing = things.findIndex((each) => each.test(what))
    if (thing < 0) continue
    const [seconds, fraction] = time.split('.')
    const at = Date.parse(`${seconds}Z`) + Number(`0.${fraction}`) * 1000
    if (deleted) away.add(thing)
    else away.delete(thing)
    if (away.size === things.length) gone = at
    else if (gone !== undefined) {
      times.push(at - gone)
      gone = undefined
    }
  }
  return times
}
