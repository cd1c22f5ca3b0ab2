// SPDX-License-Identifier: Apache-2.0
// A pod that passes on what is not its own: such traffic has no socket in it, and nothing steers it.

import { beforeAll, describe, expect, it } from 'vitest'
import { must } from '../../world/running.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'

const SWITCH = { ipv4: 'net.ipv4.ip_forward', ipv6: 'net.ipv6.conf.all.forwarding' } as const
const NAME = { ipv4: 'IPv4', ipv6: 'IPv6' } as const
const PORT = 9000

const node = mesh({
  enrolled: ['app', 'gateway'],
  outsiders: ['client', 'server'],
  agent: { config: { verifyInterval: '300ms', metrics: { address: '127.0.0.1:0' } } }
})

type Told = { readonly conditions?: readonly { readonly kind: string; readonly message: string }[] }

function partial(name: string): Promise<string> {
  return node.report().then(({ pods }) => {
    const found: Told | undefined = pods.find(({ uid }) => uid === node.pod(name).uid)
    return found?.conditions?.find(({ kind }) => kind === 'partial')?.message ?? ''
  })
}

async function setForwarding(name: string, family: Family, value: 0 | 1): Promise<void> {
  const inside = `echo ${value} > /proc/sys/${SWITCH[family].replaceAll('.', '/')}`
  await must(['ip', 'netns', 'exec', node.pod(name).netns, 'sh', '-c', inside])
}

async function series(): Promise<string> {
  const { address } = await node.agent.waitForLog(({ msg }) => msg === 'metrics are served')
  const text = await (await fetch(`http://${String(address)}/metrics`)).text()
  return text.split('\n').find((line) => line.startsWith('sluice_pod_conditions{condition="partial"}')) ?? ''
}

beforeAll(async () => {
  for (const name of ['app', 'gateway']) await node.agent.untilPod(node.pod(name), 'verified')
})

describe('a pod is told to be partial', () => {
  it('not as it is', async () => {
    expect(await partial('app')).toBe('')
    await expect.poll(series).toMatch(/ 0$/)
  })

  it.each(FAMILIES)('while it may forward, unless every pod of the node may: %s', async (family) => {
    await setForwarding('app', family, 1)
    if (family === 'ipv4' && (await node.world.host.sysctl(SWITCH.ipv4)) === '1') {
      await node.agent.untilPod(node.pod('app'), 'verified')
      return expect(await partial('app')).toBe('')
    }
    await expect.poll(() => partial('app')).toContain(`it may forward ${NAME[family]}`)
    await expect.poll(series).toMatch(/ 1$/)
    expect((await node.agent.cli('status')).stdout).toMatch(/default\/app, partial: .*not steered/)
    await node.agent.waitForLog(
      ({ event, reason }) => event === 'condition' && String(reason).startsWith('partial: ')
    )
    await setForwarding('app', family, 0)
    await expect.poll(() => partial('app')).toBe('')
  })

  it.each([
    [
      'iptables-nft',
      'ipv4',
      ['iptables-nft', '-t', 'nat', '-A', 'PREROUTING', '-p', 'tcp', '-j', 'DNAT', '--to', '192.0.2.9']
    ],
    [
      'iptables-legacy',
      'ipv6',
      ['ip6tables-legacy', '-t', 'nat', '-A', 'OUTPUT', '-p', 'tcp', '-j', 'DNAT', '--to', '2001:db8::9']
    ],
    [
      'nft',
      'ipv4',
      [
        'nft',
        'add table ip mine; add chain ip mine out { type nat hook output priority -100; }; add rule ip mine out tcp dport 7 dnat to 192.0.2.9'
      ]
    ]
  ] as const)('while it rewrites destinations: %s, %s', async (_tool, _family, rule) => {
    const app = node.pod('app')
    await must(['ip', 'netns', 'exec', app.netns, ...rule])
    await expect.poll(() => partial('app')).toContain('rewrites destinations')
    const [command = ''] = rule
    const undo = command === 'nft' ? ['nft', 'flush', 'ruleset'] : [command, '-t', 'nat', '-F']
    await must(['ip', 'netns', 'exec', app.netns, ...undo])
    await expect.poll(() => partial('app')).toBe('')
  })

  it.each(FAMILIES)('once it has forwarded something, which nobody steered: %s', async (family) => {
    const [gateway, client, server] = [node.pod('gateway'), node.outsider('client'), node.outsider('server')]
    await setForwarding('gateway', family, 1)
    const served = await server.serve(PORT, '--udp')
    const version = `-${family.at(-1)}`
    await client.ip(version, 'route', 'add', server[family], 'via', gateway[family], 'dev', 'eth0')
    await expect
      .poll(async () => {
        await client.connect(server[family], PORT, '--udp', '--timeout', 500)
        return partial('gateway')
      })
      .toContain(`it has forwarded ${NAME[family]} packets`)
    expect(served.peers).toContain(client[family])
    await served.stop()
  })
})
