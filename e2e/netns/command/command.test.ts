// SPDX-License-Identifier: Apache-2.0
// The command beside a living agent, a dead one, and none.

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { mountPoint } from '../../world/mounts.ts'
import type { Pod } from '../../world/pod.ts'
import { JOIN, mesh } from '../setup/mesh.ts'

const SYSCTLS = [
  'net.ipv4.tcp_fwmark_accept',
  'net.ipv4.fwmark_reflect',
  'net.ipv6.fwmark_reflect',
  'net.ipv4.conf.lo.rp_filter',
  'net.ipv4.conf.all.rp_filter',
  'net.ipv4.conf.lo.route_localnet',
  'net.ipv4.conf.eth0.route_localnet'
]

async function networkOf(pod: Pod): Promise<Record<string, string>> {
  // The kernel's own link-local routes appear when duplicate address detection has ended.
  const of = async (key: string, text: Promise<string>) =>
    [
      key,
      (await text)
        .split('\n')
        .filter((line) => !/fe80|ff00/.test(line))
        .join('\n')
    ] as const
  return Object.fromEntries([
    await of('rules 4', pod.ip('-4', 'rule')),
    await of('rules 6', pod.ip('-6', 'rule')),
    await of('routes 4', pod.ip('-4', 'route', 'show', 'table', 'all')),
    await of('routes 6', pod.ip('-6', 'route', 'show', 'table', 'all')),
    ...(await Promise.all(SYSCTLS.map((name) => of(name, pod.sysctl(name)))))
  ])
}

describe('sluice', () => {
  const node = mesh({ plain: ['member', 'plain'], outsiders: ['peer'], ztunnel: { standIn: true } })
  let before: Record<string, string>

  beforeAll(async () => {
    before = await networkOf(node.pod('member'))
    await node.join(node.pod('member'))
    const peer = node.outsider('peer')
    await peer.serve(8080)
    for (let i = 0; i < 3; i++) await node.pod('member').connect(peer.ipv4, 8080)
    expect(await networkOf(node.pod('member'))).not.toEqual(before)
  })

  const pins = () => join(mountPoint('bpf'), node.world.prefix)

  /** What both reports, the living agent's and the pinned state's, must say of the pods. */
  function expectedPods(steered: number): unknown[] {
    const [member, plain] = [node.pod('member'), node.pod('plain')]
    const shared = { namespace: 'default', cgroup: expect.stringMatching(/^\/.*\/pod[-0-9a-f]+$/) }
    const since = expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
    return [
      expect.objectContaining({
        ...shared,
        name: 'member',
        uid: member.uid,
        ips: [member.ipv4, member.ipv6],
        state: expect.stringMatching(/^(enrolled|verified)$/),
        steered,
        since,
        netns: expect.stringMatching(/^\d+$/),
        outside: false
      }),
      expect.objectContaining({
        ...shared,
        name: 'plain',
        uid: plain.uid,
        state: 'outside',
        outside: true,
        reason: 'nothing asks for the mesh'
      })
    ]
  }

  it('status tells of pods, agent and ztunnel', async () => {
    const report = await node.agent.status()
    expect(report.pods.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual(expectedPods(3))
    expect(report).toMatchObject({
      agent: { running: true, ready: true },
      ztunnels: [{ pid: node.ztunnel.pid }]
    })
    expect(report.counters.steered).toBe(3)
    const { stdout, code } = await node.agent.cli('status')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Agent .* \(pid \d+, source manifest\) has run for .*: ready\.$/m)
    expect(stdout).toMatch(/^default +member +(enrolled|verified) +\S+ +3 +0 +\S+/m)
    expect(stdout).toMatch(/^default +plain .*nothing asks for the mesh/m)
  })

  it('status counts an inbound connection too, once', async () => {
    const served = await node.pod('member').serve(9090)
    for (const address of [node.pod('member').ipv4, node.pod('member').ipv6]) {
      expect(await node.pod('plain').connect(address, 9090)).toMatchObject({ ok: true, ended: 'line' })
    }
    const { pods } = await node.report()
    expect(pods.find(({ name }) => name === 'member')?.steered).toBe(5)
    await served.stop()
  })

  it('keeps its control socket to its own user', () => {
    expect((statSync(node.agent.controlSocket).mode & 0o777).toString(8)).toBe('600')
  })

  it('cleanup refuses while the agent runs, and says what to do', async () => {
    const { code, stderr } = await node.agent.cli('cleanup')
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/agent answers on .*\n.*remedy: stop the agent first, or use --force/)
    expect(await node.pod('member').ip('rule')).toMatch(/fwmark/)
  })

  it('check tries this node, and leaves nothing behind', async () => {
    const traces = () => [...readdirSync(mountPoint('bpf')), ...readdirSync(mountPoint('cgroup2'))].sort()
    const left = traces()
    const { stdout, code } = await node.agent.cli('check', '--json')
    const { results } = JSON.parse(stdout) as { results: { status: string; name?: string }[] }
    expect([0, 1]).toContain(code)
    expect(results.length).toBeGreaterThan(5)
    expect(results.filter(({ status }) => status === 'failed')).toEqual([])
    const text = await node.agent.cli('check')
    expect(text.code).toBe(code)
    expect(text.stdout.split('\n').length).toBeGreaterThan(results.length)
    expect(traces().filter((name) => !name.startsWith('sl'))).toEqual(
      left.filter((name) => !name.startsWith('sl'))
    )
  })

  it('status works from what is pinned when the agent is dead', async () => {
    await node.agent.kill9()
    const report = await node.agent.status()
    expect(report.agent).toEqual({ running: false })
    expect(report.pods.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual(expectedPods(5))
    expect(report.counters.steered).toBe(3)
    const { stdout } = await node.agent.cli('status')
    expect(stdout).toMatch(/^No agent runs\./)
    expect(stdout).toMatch(/^default +member +(enrolled|verified)/m)
  })

  it('cleanup takes every program, map, link, rule, route and sysctl back', async () => {
    await node.ztunnel.stop()
    const { stdout, code } = await node.agent.cli('cleanup')
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/removed \d+ links\n/) })
    expect(await networkOf(node.pod('member'))).toEqual(before)
    expect(existsSync(pins())).toBe(false)
    expect(existsSync(node.agent.controlSocket)).toBe(false)
    const peer = node.outsider('peer')
    expect(await node.pod('member').connect(peer.ipv4, 8080)).toMatchObject({ ok: true })
    const fresh = await node.world.pod({ name: 'fresh', annotations: { [JOIN]: 'true' } })
    expect(await fresh.connect(peer.ipv4, 8080)).toMatchObject({ ok: true })
    expect((await node.agent.cli('cleanup')).stdout).toBe('nothing of Sluice was found\n')
  })
})
