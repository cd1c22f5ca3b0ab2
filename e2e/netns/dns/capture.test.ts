// SPDX-License-Identifier: Apache-2.0
import { beforeAll, describe, expect, it } from 'vitest'
import { host } from '../../world/place.ts'
import type { Pod } from '../../world/pod.ts'
import type { Answerer } from '../../ztunnel/answer.ts'
import { without } from '../setup/hook.ts'
import { FAMILIES, type Family, type Mesh, mesh } from '../setup/mesh.ts'
import { endpoint } from '../setup/route.ts'
import { answerers, ask, INSIDE, type Kind, OUTSIDE, Resolver } from './asked.ts'

const CAPTURE = 'ambient.istio.io/dns-capture'
const KINDS = ['connected', 'unconnected', 'tcp'] as const satisfies readonly Kind[]
const FAMILIES_AND_KINDS = FAMILIES.flatMap((family) => KINDS.map((kind) => [family, kind] as const))

/** Waits until questions of every kind are answered by this one: the agent reads annotations from files. */
async function untilAnswered(node: Mesh, pod: Pod, who: Answerer): Promise<void> {
  for (const [family, kind] of FAMILIES_AND_KINDS)
    await expect
      .poll(async () => answerers(await ask(pod, kind, [node.outsider('server')[family]])))
      .toEqual([who])
}

describe('with capture, the default', () => {
  const node = mesh({
    enrolled: ['app', 'changing', 'leaving', { name: 'off', annotations: { [CAPTURE]: 'false' } }],
    plain: ['plain'],
    outsiders: ['server'],
    ztunnel: { hostnames: [INSIDE] }
  })
  let resolver: Resolver

  beforeAll(async () => {
    resolver = await Resolver.start(node.outsider('server'))
  })

  it('a pod whose annotation says false asks its resolver itself', () =>
    untilAnswered(node, node.pod('off'), 'server'))

  it('the annotation is heeded while the pod is in the mesh, both ways', async () => {
    const pod = node.pod('changing')
    await untilAnswered(node, pod, 'ztunnel')
    await pod.annotate(CAPTURE, 'false')
    await untilAnswered(node, pod, 'server')
    await pod.annotate(CAPTURE, 'true')
    await untilAnswered(node, pod, 'ztunnel')
    await pod.annotate(CAPTURE, 'perhaps')
    await pod.annotate(CAPTURE, null)
    await untilAnswered(node, pod, 'ztunnel')
    expect((await node.report()).pods.find(({ name }) => name === 'changing')?.state).toMatch(
      /enrolled|verified/
    )
  })

  it.each(FAMILIES)('a pod that leaves gets its resolver back on the same socket: %s', async (family) => {
    const pod = node.pod('leaving')
    await untilAnswered(node, pod, 'ztunnel')
    const run = pod.startDial('dns', 'unconnected', INSIDE, node.outsider('server')[family], '--again')
    await run.waitFor((line) => 'replies' in line)
    await node.leave(pod)
    run.write('\n')
    const { lines } = await run.finished()
    expect(lines.map((line) => answerers(line))).toEqual([['ztunnel'], ['server']])
    await untilAnswered(node, pod, 'server')
    await node.join(pod)
  })

  it.each([
    ['127.0.0.1', () => '127.0.0.1'],
    ['127.0.0.53', () => '127.0.0.53'],
    ['::1', () => '::1'],
    ['its own IPv4 address', () => node.pod('app').ipv4],
    ['its own IPv6 address', () => node.pod('app').ipv6]
  ])('a resolver in the pod is left alone: on %s', async (_, address) => {
    const own = await Resolver.start(node.pod('app'), address())
    for (const kind of KINDS) {
      const asked = await ask(node.pod('app'), kind, [address()])
      expect(answerers(asked), JSON.stringify(asked)).toEqual(['server'])
      expect(asked.replies[0]?.from).toBe(endpoint(address(), 53))
    }
    expect(own.heard).toHaveLength(KINDS.length)
    await own.stop()
  })

  it.each(FAMILIES)('other UDP is left alone, also to :15053 and :5353: %s', async (family) => {
    const server = node.outsider('server')
    for (const port of [5353, 15053, 54]) {
      const served = await server.serve(port, '--udp')
      for (const flags of [[], ['--connected']]) {
        const answered = await node.pod('app').connect(server[family], port, '--udp', ...flags)
        expect(answered).toMatchObject({ ok: true, from: endpoint(server[family], port) })
      }
      expect(served.peers).toEqual([node.pod('app')[family], node.pod('app')[family]])
      await served.stop()
    }
  })

  it('what ztunnel answers is counted', async () => {
    const rises = await node.counted(() => ask(node.pod('app'), 'connected', [node.outsider('server').ipv4]))
    expect(rises).toEqual({ dns: 1 })
  })

  it.each(FAMILIES)('nothing is captured with the mechanism off: %s', async (family) => {
    const before = resolver.heard.length
    await without(node, family === 'ipv4' ? 'sendmsg4' : 'sendmsg6', async () => {
      const question = () => ask(node.pod('app'), 'unconnected', [node.outsider('server')[family]])
      expect(answerers(await question())).toEqual(['server'])
    })
    expect(resolver.heard.length).toBeGreaterThan(before)
  })

  it.each(FAMILIES)('the source is not restored with the mechanism off: %s', async (family) => {
    await without(node, family === 'ipv4' ? 'recvmsg4' : 'recvmsg6', async () => {
      const question = () => ask(node.pod('app'), 'unconnected', [node.outsider('server')[family]])
      const loopback = family === 'ipv4' ? '127.0.0.1' : '::1'
      expect((await question()).replies[0]?.from).toBe(endpoint(loopback, 15053))
    })
  })
})

describe('with dnsCapture: false', () => {
  const node = mesh({
    enrolled: ['app', { name: 'on', annotations: { [CAPTURE]: 'true' } }],
    outsiders: ['server'],
    agent: { config: { dnsCapture: false } },
    ztunnel: { hostnames: [INSIDE] }
  })
  beforeAll(() => Resolver.start(node.outsider('server')))

  it('a pod asks its resolver itself', () => untilAnswered(node, node.pod('app'), 'server'))

  it('a pod whose annotation says true asks ztunnel', () => untilAnswered(node, node.pod('on'), 'ztunnel'))

  it.each(FAMILIES)('TCP to port 53 is a connection like any other, through ztunnel: %s', async (family) => {
    const rises = await node.counted(() => ask(node.pod('app'), 'tcp', [node.outsider('server')[family]]))
    expect(rises).toMatchObject({ steered: 1 })
  })
})

describe('with a ztunnel that answers no DNS', () => {
  const node = mesh({ enrolled: ['app'], outsiders: ['server'], ztunnel: { dns: false } })
  beforeAll(() => Resolver.start(node.outsider('server')))

  it('a pod asks its resolver itself', () => untilAnswered(node, node.pod('app'), 'server'))
})

describe.each(FAMILIES)('ztunnel’s own questions: %s', (family: Family) => {
  let resolver: Resolver
  const node = mesh({
    enrolled: ['app'],
    outsiders: ['server'],
    ztunnel: false
  })

  beforeAll(async () => {
    resolver = await Resolver.start(node.outsider('server'))
    await node.startZtunnel({ hostnames: [INSIDE], resolver: node.outsider('server')[family] })
    await node.agent.untilPod(node.pod('app'), 'enrolled')
  })

  it('go out of the pod to its resolver, and are not captured', async () => {
    const app = node.pod('app')
    const rises = await node.counted(async () => {
      const line = await app.dial('dns', 'connected', OUTSIDE, node.outsider('server')[family])
      expect(answerers(line), node.ztunnel.output).toEqual(['server'])
    })
    expect(rises).toMatchObject({ dns: 1 })
    expect(resolver.heard.map(({ src }) => host(src))).toContain(app[family])
    expect(resolver.heard.every(({ name }) => name === OUTSIDE)).toBe(true)
  })
})
