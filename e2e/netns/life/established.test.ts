// SPDX-License-Identifier: Apache-2.0
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../world/pod.ts'
import type { Line, Running } from '../../world/running.ts'
import { FAMILIES, type Family, JOIN, mesh } from '../setup/mesh.ts'
import { endpoint, expectSteered, expectSteeredTo } from '../setup/route.ts'

const PORT = 8080
/** Sockets as ztunnel has them, told by `dial connect`. */
const SPARED = [
  ["ztunnel's mark", '--mark', '0x539'],
  ['transparent', '--set-before', '0:19:1']
] as const
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const

/** Connections that live until something breaks them. */
class Held {
  readonly #all = new Set<Running>()

  async open(from: Pod, address: string, ...options: readonly string[]): Promise<Running> {
    const held = from.startDial('connect', address, PORT, '--hold', ...options)
    this.#all.add(held)
    await held.waitFor(({ ok }) => ok === true)
    return held
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((held) => held.stop()))
    this.#all.clear()
  }
}

/** How it ended, now: by its own SIGTERM if nothing broke it before. */
async function ending(held: Running): Promise<Line | undefined> {
  await held.stop()
  return held.lines.find(({ event }) => event === 'held' || event === 'broken')
}

const broken = (held: Running): Promise<Line> => held.waitForEvent('broken')
const CUT = expect.stringMatching(/^ECONN(ABORTED|RESET)$/)

describe('a running pod that joins, with establishedConnections: reset', () => {
  const node = mesh({ plain: ['app', 'server'], agent: { config: { establishedConnections: 'reset' } } })
  const held = new Held()
  const app = () => node.pod('app')
  const server = () => node.pod('server')

  beforeAll(async () => {
    for (const pod of [app(), server()]) await pod.serve(PORT, '--echo')
  })
  afterAll(() => held.close())

  it('loses what it dialled and accepted, keeps what it says to itself, and is steered', async () => {
    const out = await Promise.all(FAMILIES.map((family) => held.open(app(), server().address(family))))
    const mapped = await held.open(app(), `::ffff:${server().ipv4}`)
    const into = await Promise.all(FAMILIES.map((family) => held.open(server(), app().address(family))))
    const itself = await Promise.all(
      FAMILIES.flatMap((family) => [LOOPBACK[family], app().address(family)]).map((address) =>
        held.open(app(), address)
      )
    )
    await node.join(app())
    for (const each of [...out, mapped, ...into]) expect(await broken(each)).toMatchObject({ errno: CUT })
    const told = await node.agent.waitForLog(({ msg }) => msg === 'connections from before were reset')
    expect(told).toMatchObject({ pod: 'default/app', connections: 5 })
    for (const each of itself) expect(await ending(each)).toMatchObject({ event: 'held' })
    await expectSteeredTo(node, app(), server(), PORT)
  })

  it.each(SPARED)("keeps what is ztunnel's own: %s", async (_, ...options) => {
    await node.leave(app())
    const kept = await Promise.all(
      FAMILIES.map((family) => held.open(app(), server().address(family), ...options))
    )
    const control = await held.open(app(), server().ipv4)
    await node.join(app())
    await broken(control)
    for (const each of kept) expect(await ending(each)).toMatchObject({ event: 'held' })
  })

  it('keeps its connections through ztunnel when the agent starts again', async () => {
    const through = await Promise.all(FAMILIES.map((family) => held.open(app(), server().address(family))))
    const into = await Promise.all(FAMILIES.map((family) => held.open(server(), app().address(family))))
    await node.agent.restart()
    await node.agent.untilPod(app(), 'verified')
    for (const each of [...through, ...into]) expect(await ending(each)).toMatchObject({ event: 'held' })
    expect(node.agent.log.filter(({ msg }) => msg === 'connections from before were reset')).toEqual([])
  })
})

describe('a running pod that joins, by default', () => {
  const node = mesh({ plain: ['app', 'server'] })
  const held = new Held()
  afterAll(() => held.close())

  it.each(FAMILIES)('keeps its connections: %s', async (family: Family) => {
    const [app, server] = [node.pod('app'), node.pod('server')]
    const serving = await server.serve(PORT, '--echo')
    const before = await held.open(app, server.address(family))
    await node.join(app)
    await expectSteered(node, await app.connect(server.address(family), PORT), {
      from: app,
      family,
      to: endpoint(server.address(family), PORT)
    })
    expect(await ending(before)).toMatchObject({ event: 'held' })
    await node.leave(app)
    await serving.stop()
  })
})

describe('a ztunnel whose listeners are not transparent', () => {
  const node = mesh({
    plain: ['app', 'server'],
    ztunnel: { standIn: true, env: { ENABLE_ORIG_SRC: 'false' } }
  })

  it('enrols nobody, and the agent says why, until it is replaced', async () => {
    const app = node.pod('app')
    await node.pod('server').serve(PORT)
    await app.annotate(JOIN, 'true')
    const { pods } = await node.agent.untilPod(app, 'failed')
    expect(pods.find(({ uid }) => uid === app.uid)?.lastError).toContain(
      'ztunnel has listeners on 15001, 15006, 15008 in pod default/app that are not transparent'
    )
    expect(await app.connect(node.pod('server').ipv4, PORT)).toMatchObject({ ok: true, ended: 'line' })
    expect(node.ztunnel.connections).toEqual([])
    await node.ztunnel.stop()
    await node.startZtunnel({ standIn: true })
    await node.agent.untilPod(app, 'enrolled')
  })
})
