// SPDX-License-Identifier: Apache-2.0
// What a scraper and the kubelet see of an agent at work.

import { existsSync, readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Link } from '#native'
import { mountPoint } from '../../world/mounts.ts'
import { JOIN, mesh } from '../setup/mesh.ts'
import { linksOf } from '../setup/pinned.ts'

const PORT = 8080
const HOOKS = [
  ...['connect', 'sendmsg', 'recvmsg', 'getpeername'].flatMap((name) => [`${name}4`, `${name}6`]),
  ...['mkdir', 'rmdir', 'fork', 'exec', 'attach'].map((name) => `handle_${name}`),
  'setsockopt',
  'ztunnel_tcp',
  'kubelet_tcp',
  'lookup'
]

describe('an agent', () => {
  const node = mesh({
    enrolled: ['app'],
    plain: ['plain'],
    outsiders: ['peer'],
    agent: ({ prefix }) => ({
      config: {
        metrics: { address: '127.0.0.1:0' },
        kubelet: { cgroup: `/${prefix}/kubelet.service` },
        verifyInterval: '1h'
      }
    }),
    ztunnel: { standIn: true }
  })

  async function get(path: string): Promise<{ status: number; text: string }> {
    const { address } = await node.agent.waitForLog(({ msg }) => msg === 'metrics are served')
    const response = await fetch(`http://${String(address)}${path}`)
    return { status: response.status, text: await response.text() }
  }

  async function metric(series: string): Promise<number> {
    const { text } = await get('/metrics')
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `))
    if (line === undefined) throw new Error(`no ${series} in\n${text}`)
    return Number(line.slice(series.length))
  }

  it('tells its pods, and counts their connections by what became of them', async () => {
    const peer = node.outsider('peer')
    await peer.serve(PORT)
    expect(await metric('sluice_pods{state="outside"}')).toBe(1)
    const steered = 'sluice_connections_total{direction="outbound",outcome="steered",reason="enrolled"}'
    const before = await metric(steered)
    await node.pod('app').connect(peer.ipv4, PORT)
    await expect.poll(() => metric(steered)).toBe(before + 1)
    const guarded = 'sluice_connections_total{direction="inbound",outcome="refused",reason="guard"}'
    const unguarded = await metric(guarded)
    await peer.connect(node.pod('app').ipv4, 15001)
    await expect.poll(() => metric(guarded)).toBe(unguarded + 1)
    const enrolled = 'sluice_reconcile_duration_seconds_count{effect="enrol",outcome="done"}'
    expect(await metric(enrolled)).toBeGreaterThanOrEqual(1)
    expect(await metric('sluice_ztunnels_connected')).toBe(1)
    expect(await metric('process_resident_memory_bytes')).toBeGreaterThan(10e6)
  })

  it('has one value for each series, and no series for a pod', async () => {
    const { text } = await get('/metrics')
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const names = series.map((line) => line.slice(0, line.lastIndexOf(' ')))
    expect(new Set(names).size).toBe(names.length)
    expect(text).not.toMatch(new RegExp(`default|${node.pod('app').uid}|${node.pod('app').ipv4}`))
  })

  it('is ready', async () => {
    expect(await get('/readyz')).toEqual({
      status: 200,
      text: '[+]reconcile ok\n[+]ztunnel ok\n[+]hooks ok\n'
    })
    expect(await get('/livez')).toEqual({ status: 200, text: '[+]heartbeat ok\n' })
  })

  it('is alive and not ready without ztunnel, and holds what joins', async () => {
    await node.ztunnel.kill9()
    await expect.poll(async () => (await get('/readyz')).status).toBe(500)
    expect((await get('/readyz')).text).toContain('[-]ztunnel failed: none is connected')
    expect(await get('/livez')).toMatchObject({ status: 200 })
    const held = await node.world.pod({ name: 'held', annotations: { [JOIN]: 'true' } })
    await node.agent.untilPod(held, ['held', 'failed'])
    const series = 'sluice_connections_total{direction="outbound",outcome="held",reason="held"}'
    const before = await metric(series)
    await held.connect(node.outsider('peer').ipv4, PORT)
    await expect.poll(() => metric(series)).toBe(before + 1)
    await node.startZtunnel({ standIn: true })
    await node.agent.untilPod(held, 'enrolled')
    await expect.poll(() => get('/readyz')).toMatchObject({ status: 200 })
  })

  it('is not ready while any hook is not what it was, a pod’s lookup too', async () => {
    for (const pod of node.world.pods.filter(({ name }) => name !== 'plain'))
      await node.agent.untilPod(pod, 'verified')
    const pins = join(mountPoint('bpf'), node.world.prefix)
    const [version = ''] = readdirSync(pins)
    const names = linksOf(node.world)
    expect(new Set(names.map((name) => name.split('@')[0]))).toEqual(new Set(HOOKS))
    expect(names.filter((name) => name.startsWith('lookup@'))).toHaveLength(2)
    const paths = names.map((name) => join(pins, version, 'links', name))
    const links = paths.map((path) => Link.openPinned(path))
    const named = new Set<string>()
    const unnamed = async () => {
      // A visit to a pod puts its lookup back.
      for (const path of paths) if (existsSync(path)) unlinkSync(path)
      const { status, text } = await get('/readyz')
      for (const name of names) if (status === 500 && text.includes(`${name} is unpinned`)) named.add(name)
      return names.filter((name) => !named.has(name))
    }
    await expect.poll(unnamed).toEqual([])
    for (const [index, link] of links.entries()) {
      const path = paths[index] ?? ''
      if (!existsSync(path)) link.pin(path)
      link.close()
    }
    await expect.poll(() => get('/readyz')).toMatchObject({ status: 200 })
  })

  it('logs what it is told to log, without a restart', async () => {
    const { agent, world } = node
    const chatty = async (name: string) => {
      const since = agent.log.length
      const pod = await world.pod({ name, annotations: { [JOIN]: 'true' } })
      await agent.untilPod(pod, 'enrolled')
      return agent.log.slice(since).filter(({ msg }) => msg === 'pod joined the mesh').length
    }
    expect(await chatty('one')).toBe(1)
    expect((await agent.cli('log-level', 'warn')).stdout).toBe('warn (was debug)\n')
    expect(await chatty('two')).toBe(0)
    expect((await agent.cli('log-level', 'info')).stdout).toBe('info (was warn)\n')
    expect(await chatty('three')).toBe(1)
  })
})
