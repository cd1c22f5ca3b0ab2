// SPDX-License-Identifier: Apache-2.0
import { readlink, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { DIAL, Place } from '../../world/place.ts'
import { alone } from '../setup/alone.ts'
import { type Mesh, mesh } from '../setup/mesh.ts'
import { linksOf } from '../setup/pinned.ts'
import { isExempt, PORT, startKubelet, untilExempt } from './exempt.ts'

const ROUND_INTERVAL = '1s'

function refusals(node: Mesh): string[] {
  return node.agent.log
    .filter(({ msg }) => msg === 'probes of the kubelet are not exempt')
    .map(({ reason }) => String(reason))
}

describe('the kubelet’s cgroup, when it is configured', () => {
  const node = mesh({
    enrolled: ['app'],
    agent: ({ prefix }) => ({
      config: { verifyInterval: ROUND_INTERVAL, kubelet: { cgroup: `/${prefix}/kubelet.service` } }
    })
  })
  beforeAll(() => node.pod('app').serve(PORT))

  it('is exempt', async () => {
    expect(await isExempt(node, node.world.kubelet)).toBe(true)
    expect(await isExempt(node, node.world.host)).toBe(false)
  })

  it('is exempt again after a restart of the service made it anew', async () => {
    await rmdir(node.world.kubelet.cgroup)
    await node.world.kubelet.makeCgroup()
    await untilExempt(node, node.world.kubelet)
  })

  it('is exempt for an agent that starts again, with one link', async () => {
    await node.agent.restart()
    await node.agent.untilPod(node.pod('app'), 'enrolled')
    expect(await isExempt(node, node.world.kubelet)).toBe(true)
    expect(linksOf(node.world).filter((name) => name.startsWith('kubelet_tcp@'))).toHaveLength(1)
  })
})

describe('the kubelet’s cgroup, found by its process', () => {
  const node = mesh({
    enrolled: ['app'],
    agent: (world) => alone(world, { verifyInterval: ROUND_INTERVAL })
  })
  const at = (name: string) => new Place(name, join(node.world.cgroup, name), '-')

  beforeAll(() => node.pod('app').serve(PORT))

  it('is exempt wherever the kubelet is started, and only there', async () => {
    const [one, two] = [at('one.service'), at('two.service')]
    for (const place of [one, two]) await place.makeCgroup()
    expect(await isExempt(node, one)).toBe(false)
    const first = await startKubelet(node, one)
    await untilExempt(node, one)
    await first.stop()
    expect(await isExempt(node, two)).toBe(false)
    const second = await startKubelet(node, two)
    await untilExempt(node, two)
    expect(await isExempt(node, one)).toBe(false)
    await second.stop()
  })

  it('is refused while another program runs in it, which is named', async () => {
    const shared = at('shared.service')
    const kubelet = await startKubelet(node, shared)
    const other = shared.spawn(['sleep', '600'])
    await expect.poll(() => refusals(node).join('\n')).toMatch(/sleep/)
    const reason = refusals(node).findLast((text) => text.includes('sleep')) ?? ''
    expect(reason).toContain('/shared.service')
    expect(reason).toContain(join(node.world.runDirectory, 'kubelet'))
    expect(await isExempt(node, shared)).toBe(false)
    expect(await isExempt(node, at('two.service'))).toBe(false)
    await other.stop()
    await untilExempt(node, shared)
    await kubelet.stop()
  })
})

describe('kubelet.exempt: false', () => {
  const node = mesh({
    enrolled: ['app'],
    agent: ({ prefix }) => ({ config: { kubelet: { cgroup: `/${prefix}/kubelet.service` } } })
  })
  beforeAll(() => node.pod('app').serve(PORT))

  it('sends the kubelet’s probes through ztunnel, also after an agent that exempted them', async () => {
    expect(await isExempt(node, node.world.kubelet)).toBe(true)
    await node.agent.stop()
    const config = { kubelet: { exempt: false } }
    const agent = await node.world.agent({ config })
    await agent.untilPod(node.pod('app'), 'enrolled')
    await untilExempt(node, node.world.kubelet, false)
  })
})

describe('a program that joins the kubelet’s cgroup later', () => {
  const node = mesh({
    enrolled: ['app'],
    agent: ({ prefix }) => ({
      config: { verifyInterval: '300ms', kubelet: { cgroup: `/${prefix}/kubelet.service` } }
    })
  })
  beforeAll(() => node.pod('app').serve(PORT))

  it('ends the exemption and is named, until it is gone', async () => {
    const { kubelet, host } = node.world
    const first = kubelet.spawn([DIAL, 'pause'])
    await first.waitForEvent('paused')
    await untilExempt(node, kubelet)
    const joining = host.spawn(['sleep', '600'])
    await expect.poll(() => readlink(`/proc/${joining.pid}/exe`)).toMatch(/sleep|coreutils/)
    await kubelet.adopt(joining.pid)
    await untilExempt(node, kubelet, false)
    expect(refusals(node).join('\n')).toMatch(/also holds .*sleep/)
    const { agent } = await node.report()
    expect(agent.problems).toContainEqual(expect.stringContaining('probes of the kubelet are not exempt'))
    await joining.stop()
    await untilExempt(node, kubelet)
    await first.stop()
  })
})
