// SPDX-License-Identifier: Apache-2.0
// Each rule that istio-cni writes into a pod, by the traffic it decides about; what it says is above each test.

import { beforeAll, describe, expect, it } from 'vitest'
import { host, type Server } from '../../world/place.ts'
import { answerers, ask, INSIDE, OUTSIDE, Resolver } from '../dns/asked.ts'
import { unattended } from '../setup/hook.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { exemptions } from '../setup/pinned.ts'
import { clientSeen, endpoint, expectPlain, expectSteered } from '../setup/route.ts'

const PORT = 8080
const ECHO = 8081

const LOCALHOST: Record<Family, string> = { ipv4: '127.0.0.1', ipv6: '::1' }

describe.each(FAMILIES)('%s', (family) => {
  const node = mesh({
    enrolled: ['app', 'leaving'],
    plain: ['plain'],
    outsiders: ['server'],
    agent: ({ prefix }) => ({ config: { kubelet: { cgroup: `/${prefix}/kubelet.service` } } }),
    ztunnel: false
  })
  const app = () => node.pod('app')
  const own = () => app()[family]
  let server: Server
  let resolver: Resolver

  beforeAll(async () => {
    server = await app().serve(PORT)
    await app().serve(ECHO, '--echo')
    await node.outsider('server').serve(PORT)
    resolver = await Resolver.start(node.outsider('server'))
    await node.startZtunnel({ hostnames: [INSIDE], resolver: node.outsider('server')[family] })
    for (const name of ['app', 'leaving']) await node.agent.untilPod(node.pod(name), 'enrolled')
  })

  // mangle PREROUTING: mark 0x539 -> connmark 0x111
  it('ztunnel’s own connection to the application: it comes from the client’s address and is remembered', async () => {
    const rises = await node.counted(async () => {
      const connected = await node.pod('plain').connect(own(), PORT)
      expect(connected).toMatchObject({ ok: true, ended: 'line' })
      expect(host(server.seen.at(-1)?.peer ?? '')).toBe(node.pod('plain')[family])
    })
    expect(rises).toMatchObject({ ztunnel_dials: 1, inbound_exempt: 1 })
  })

  // mangle OUTPUT: connmark 0x111 -> packet mark 0x111, which table 100 brings to lo
  it('the application’s replies to a client elsewhere: they go to ztunnel, not out', async () => {
    const converse = async () => {
      const run = node.pod('plain').startDial('connect', own(), ECHO, '--hold')
      await run.waitFor(({ event, echoed }) => event === 'echo' && Number(echoed) > 1)
      await run.stop()
      return run.lines.at(-1)
    }
    expect(await converse()).toMatchObject({ event: 'held' })
    await unattended(node, async () => {
      for (const rule of await marked()) await app().ip(`-${family.at(-1)}`, 'rule', 'del', 'pref', rule)
      expect((await node.pod('plain').connect(own(), PORT, '--timeout', 1000)).data ?? '').toBe('')
    })
    // Else ztunnel dials on, and arrives when the rules are back: a later test would count that.
    await app().exec(['ss', '--kill', 'state', 'syn-sent'])
    await expect.poll(() => exemptions(node.world, 'exempt')).toBe(0)
  })

  /** Preferences of the rules by mark in the pod. */
  async function marked(pod = app()): Promise<string[]> {
    const rules = await pod.ip(`-${family.at(-1)}`, 'rule')
    return rules.split('\n').flatMap((line) => (line.includes('fwmark') ? [line.split(':')[0] ?? ''] : []))
  }

  // nat PREROUTING: src = probe SNAT address, tcp -> accept
  it('a probe of the kubelet: straight to the application', async () => {
    expectPlain(await node.world.kubelet.connect(own(), PORT))
  })

  // nat OUTPUT: dst = probe SNAT address, tcp -> accept
  it('replies to a probe: straight to the kubelet', async () => {
    const connected = await node.world.kubelet.connect(own(), PORT)
    expect(connected.data).toContain(`peer=${connected.local} local=${connected.peer}`)
  })

  // nat PREROUTING: tcp, dst not localhost, dport not 15008, mark not 0x539 -> redirect 15006
  it('plain TCP from elsewhere: to ztunnel’s :15006, with both addresses true', async () => {
    for (const from of [node.outsider('server'), node.pod('plain')]) {
      const connected = await from.connect(own(), PORT)
      expect(host(clientSeen(connected))).toBe(from[family])
      const dst = endpoint(own(), PORT)
      await node.ztunnel.waitForConnection({ direction: 'inbound', src: connected.local ?? '', dst })
    }
  })

  it('TCP from elsewhere to :15008: to whom listens there, ztunnel, and not to :15006', async () => {
    const connected = await node.pod('plain').connect(own(), 15008, '--timeout', 3000)
    expect(connected).toMatchObject({ ok: true, peer: endpoint(own(), 15008) })
    expect(node.ztunnel.opened({ src: connected.local ?? '' })).toEqual([])
  })

  // nat OUTPUT: udp dport 53, out-iface not lo, mark not 0x539 -> redirect 15053
  it('a DNS question over UDP: to ztunnel’s :15053', async () => {
    for (const kind of ['connected', 'unconnected'] as const) {
      const asked = await ask(app(), kind, [node.outsider('server')[family]])
      expect(answerers(asked)).toEqual(['ztunnel'])
      expect(asked.replies[0]?.from).toBe(endpoint(node.outsider('server')[family], 53))
    }
  })

  // nat OUTPUT: tcp dport 53, dst not localhost, mark not 0x539 -> redirect 15053
  it('a DNS question over TCP: to ztunnel’s :15053', async () => {
    const asked = await ask(app(), 'tcp', [node.outsider('server')[family]])
    expect(answerers(asked)).toEqual(['ztunnel'])
    expect(asked.peer).toBe(endpoint(node.outsider('server')[family], 53))
  })

  it('a DNS question to localhost: to whom listens there', async () => {
    const local = await Resolver.start(app(), LOCALHOST[family])
    for (const kind of ['connected', 'unconnected', 'tcp'] as const)
      expect(answerers(await ask(app(), kind, [LOCALHOST[family]]))).toEqual(['server'])
    await local.stop()
  })

  // nat OUTPUT: tcp, mark 0x111 -> accept
  it('what ztunnel has brought: not captured a second time', async () => {
    const before = node.ztunnel.opened().length
    const connected = await node.pod('plain').connect(own(), PORT)
    await node.ztunnel.waitForConnection({ event: 'complete', src: connected.local ?? '' })
    expect(node.ztunnel.opened()).toHaveLength(before + 1)
  })

  // nat OUTPUT: out-iface lo, dst not localhost -> accept
  it('a pod that calls its own address: left alone', async () => {
    const rises = await node.counted(async () => expectPlain(await app().connect(own(), PORT)))
    expect(rises).toEqual({})
  })

  // nat OUTPUT: tcp, dst not localhost, mark not 0x539 -> redirect 15001
  it('TCP to elsewhere: to ztunnel’s :15001, with both addresses true', async () => {
    const to = node.outsider('server')[family]
    const connected = await app().connect(to, PORT)
    await expectSteered(node, connected, { from: app(), family, to: endpoint(to, PORT) })
  })

  it('TCP to localhost: left alone', async () => {
    const rises = await node.counted(async () => expectPlain(await app().connect(LOCALHOST[family], PORT)))
    expect(rises).toEqual({})
  })

  // raw OUTPUT: udp dport 53, mark 0x539 -> conntrack zone 1; raw PREROUTING: udp sport 53, mark not 0x539 -> zone 1
  it('ztunnel’s own DNS questions: out to its resolver, never mixed with the application’s', async () => {
    const questions = Array.from({ length: 16 }, async (_, index) => {
      // The application asks the very server that ztunnel asks, from the pod's address, as ztunnel does.
      const options = ['--bind', own()]
      const name = `${index}.${OUTSIDE}`
      return app().dial('dns', 'connected', name, node.outsider('server')[family], ...options)
    })
    for (const line of await Promise.all(questions))
      expect(answerers(line), JSON.stringify(line)).toEqual(['server'])
    expect(new Set(resolver.heard.map(({ src }) => host(src)))).toEqual(new Set([own()]))
  })

  // ip rule fwmark 0x111/0xfff lookup 100; table 100: local default dev lo
  it('what is marked: turned round to lo by a rule and a route, which go when the pod leaves', async () => {
    const leaving = node.pod('leaving')
    expect(await marked(leaving)).not.toEqual([])
    await node.leave(leaving)
    await expect.poll(() => marked(leaving)).toEqual([])
  })

  // No rule at all
  it('UDP other than DNS, and ICMP: left alone', async () => {
    const outsider = node.outsider('server')
    for (const place of [app(), outsider]) await place.sysctl('net.ipv4.ping_group_range', '0 2147483647')
    const served = await outsider.serve(9000, '--udp')
    const rises = await node.counted(async () => {
      expect(await app().connect(outsider[family], 9000, '--udp')).toMatchObject({ ok: true })
      expect(await app().dial('ping', outsider[family])).toMatchObject({ ok: true })
      expect(await outsider.dial('ping', own())).toMatchObject({ ok: true })
    })
    expect(served.peers).toEqual([own()])
    expect(rises).toEqual({})
    await served.stop()
  })
})
