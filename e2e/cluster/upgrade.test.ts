// SPDX-License-Identifier: Apache-2.0
// A new version of the agent, and no agent any more.

import { beforeAll, describe, expect, it } from 'vitest'
import { must } from '../world/running.ts'
import { NEXT_TAG } from './images/sluice.ts'
import type { TestNamespace } from './kube/namespace.ts'
import type { Pod } from './kube/pod.ts'
import { Carried } from './mesh/carried.ts'
import { MODE, REDIRECTION } from './mesh/names.ts'
import { Talker } from './mesh/talker.ts'
import { mustOnNode } from './node/namespaces.ts'
import { podProcesses } from './node/processes.ts'
import type { ClusterState } from './node/state.ts'
import { openScene } from './scene.ts'

const scene = openScene()
const carried = new Carried(scene)

let namespace: TestNamespace
let talker: Talker
let address: string

beforeAll(async () => {
  await scene.sluice.install()
  namespace = await scene.namespace('upgrade', { labels: { [MODE]: 'ambient' } })
  const outside = await scene.namespace('upgrade-outside')
  const [first = ''] = await (await outside.run('server')).addresses()
  address = first
  talker = await Talker.start(namespace, 'talker', address, scene.ztunnel)
  await carried.joined(talker.pod)
})

/** What the agent leaves in the network namespace of a pod, and what it pins. */
async function traces(state: ClusterState, pod: Pod): Promise<Record<string, string>> {
  const [pid] = await podProcesses(state, (await pod.object())?.metadata?.uid ?? '')
  const inside = async (...argv: string[]) =>
    (await must(['nsenter', '--target', `${pid}`, '--net', '--', ...argv])).stdout
  const rules = `${await inside('ip', '-4', 'rule')}${await inside('ip', '-6', 'rule')}`
  const settings = ['net/ipv4/tcp_fwmark_accept', 'net/ipv4/fwmark_reflect', 'net/ipv6/fwmark_reflect']
  const values = await Promise.all(settings.map((name) => inside('cat', `/proc/sys/${name}`)))
  return {
    rules: rules
      .split('\n')
      .filter((line) => line.includes('fwmark'))
      .join('\n'),
    routes: await inside('sh', '-c', 'ip -4 route show table 5151; ip -6 route show table 5151; true'),
    settings: values.join('').replaceAll('\n', ''),
    // The kernel's own are in every bpffs.
    pins: await mustOnNode(state, ['ls', '--ignore=*.debug', '/sys/fs/bpf'])
  }
}

const NOTHING = { rules: '', routes: '', settings: '000', pins: '' }

describe('a new version', () => {
  it('takes over without a failed connection', async () => {
    const former = await scene.sluice.agent()
    const before = await talker.goesOn(0)
    await scene.sluice.install({ 'image.tag': NEXT_TAG })
    const agent = await scene.sluice.agent()
    expect(agent.name).not.toBe(former.name)
    expect((await agent.object())?.spec?.containers[0]?.image).toMatch(new RegExp(`:${NEXT_TAG}$`))
    expect(await talker.expectCarried(before)).toBeGreaterThan(20)
  })
})

describe('after an uninstall', () => {
  it('nothing is left, and connections are plain', async ({ skip }) => {
    if (scene.state === null) return skip('what is left can only be seen on the node')
    expect(await traces(scene.state, talker.pod)).not.toMatchObject({ rules: '', routes: '', pins: '' })
    const before = await talker.goesOn(0)
    await scene.sluice.uninstall()
    expect((await talker.pod.object())?.metadata?.annotations ?? {}).not.toHaveProperty(REDIRECTION)
    expect(await traces(scene.state, talker.pod)).toEqual(NOTHING)
    await carried.plain(talker.pod, address)
    const attempts = (await talker.attempts()).slice(before)
    expect(attempts.filter(({ ok }) => !ok)).toEqual([])
  })
})
