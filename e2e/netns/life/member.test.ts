// SPDX-License-Identifier: Apache-2.0
// What a pod does while it is in the mesh, and how it comes in and goes out.

import { beforeAll, describe, expect, it } from 'vitest'
import { DIAL, Place, type Server } from '../../world/place.ts'
import { FAMILIES, JOIN, mesh, type Outsider } from '../setup/mesh.ts'

const PORT = 8080

describe('a pod of the mesh', () => {
  const node = mesh({
    enrolled: ['member'],
    plain: ['plain', 'visitor'],
    outsiders: ['peer'],
    agent: { config: { drainTimeout: '8s' } }
  })
  let peer: Outsider
  let server: Server

  beforeAll(async () => {
    peer = node.outsider('peer')
    server = await peer.serve(PORT, '--echo')
  })

  const opened = () => node.ztunnel.opened({ direction: 'outbound' }).length

  /** So many connections are carried by ztunnel, whose log may come a little later. */
  async function expectCarried(times: number, act: () => Promise<unknown>): Promise<void> {
    const before = opened()
    await act()
    await expect.poll(opened).toBe(before + times)
  }

  it.each(FAMILIES)(
    'has processes that start later steered: forks, execs, other containers: %s',
    async (family) => {
      const member = node.pod('member')
      const beside = await member.container()
      const shell = `${DIAL} connect ${peer[family]} ${PORT} & wait $!; ${DIAL} connect ${peer[family]} ${PORT}`
      await expectCarried(3, async () => {
        const { lines } = await member.exec(['sh', '-c', shell])
        expect(lines).toMatchObject([{ ok: true }, { ok: true }])
        expect(await beside.connect(peer[family], PORT)).toMatchObject({ ok: true })
      })
    }
  )

  it('has a process steered that was moved into its cgroup, and one passed that was moved out', async () => {
    const [member, plain] = [node.pod('member'), node.pod('plain')]
    // In the pod's network namespace from the start, in its cgroup only later.
    const script = `echo '{"event":"waiting"}'; read go; exec ${DIAL} connect ${peer.ipv4} ${PORT}`
    const incoming = new Place('incoming', node.world.host.cgroup, member.netns).spawn(['sh', '-c', script])
    await incoming.waitForEvent('waiting')
    await (await member.container()).adopt(incoming.pid)
    await expectCarried(1, async () => {
      incoming.write('\n')
      expect((await incoming.finished()).lines.at(-1)).toMatchObject({ ok: true })
    })
    // The socket's network namespace decides whose traffic it is.
    const outgoing = member.startDial('connect', peer.ipv4, PORT, '--wait-line')
    await outgoing.waitForEvent('waiting')
    await plain.adopt(outgoing.pid)
    await expectCarried(1, async () => {
      outgoing.write('\n')
      expect((await outgoing.finished()).lines.at(-1)).toMatchObject({ ok: true })
    })
    await expectCarried(0, () => plain.connect(peer.ipv4, PORT))
  })

  it('keeps the connections that it had before it joined', async () => {
    const plain = node.pod('plain')
    const held = plain.startDial('connect', peer.ipv4, PORT, '--hold')
    await held.waitFor(({ ok }) => ok === true)
    await node.join(plain)
    await expectCarried(1, () => plain.connect(peer.ipv4, PORT))
    held.signal('SIGTERM')
    expect((await held.finished()).lines.at(-1)).toMatchObject({ event: 'held' })
  })

  it('leaves: what ztunnel carries may end within the drain timeout, what is new passes at once', async () => {
    const plain = node.pod('plain')
    const short = plain.startDial('connect', peer.ipv4, PORT, '--hold')
    await short.waitFor(({ ok }) => ok === true)
    const long = plain.startDial('connect', peer.ipv6, PORT, '--hold')
    await long.waitFor(({ ok }) => ok === true)
    await plain.annotate(JOIN, 'false')
    await node.agent.untilPod(plain, 'leaving')
    await expectCarried(0, () => plain.connect(peer.ipv4, PORT))
    const echoes = Number(short.lines.findLast(({ event }) => event === 'echo')?.echoed ?? 0)
    await short.waitFor(({ event, echoed }) => event === 'echo' && Number(echoed) > echoes + 2)
    short.signal('SIGTERM')
    const { lines } = await short.finished()
    expect(lines.at(-1)).toMatchObject({ event: 'held' })
    expect((await long.finished()).lines.at(-1)).toMatchObject({ event: 'broken' })
    await node.agent.untilPod(plain, 'outside')
    for (const family of ['-4', '-6']) {
      expect(await plain.ip(family, 'rule')).not.toMatch(/fwmark|proto 151/)
      expect(await plain.ip(family, 'route', 'show', 'table', 'all')).not.toMatch(/table 5151/)
    }
  })

  it('ends in the state that was asked for last, however often and fast that changes', async () => {
    const visitor = node.pod('visitor')
    for (let turn = 0; turn < 20; turn++) await visitor.annotate(JOIN, turn % 2 ? 'false' : 'true')
    await node.agent.untilPod(visitor, 'outside')
    await expectCarried(0, () => visitor.connect(peer.ipv4, PORT))
    expect(await visitor.ip('rule')).not.toMatch(/fwmark/)
    for (let turn = 0; turn < 21; turn++) {
      await visitor.annotate(JOIN, turn % 2 ? 'false' : 'true')
      await visitor.exec(['sleep', '0.02'])
    }
    await node.agent.untilPod(visitor, 'verified')
    await expectCarried(1, () => visitor.connect(peer.ipv4, PORT))
    await expectCarried(1, () => visitor.connect(peer.ipv6, PORT))
    expect(await visitor.ip('rule')).toMatch(/fwmark/)
  })

  it('has only connections that the peer saw from its own address', () => {
    const pods = ['member', 'plain', 'visitor'].map((name) => node.pod(name))
    const own = new Set(pods.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]))
    expect(server.peers.filter((address) => !own.has(address))).toEqual([])
  })
})
