// SPDX-License-Identifier: Apache-2.0
// A pod with an istio-cni past: two who steer one pod break each other.

import { beforeAll, describe, expect, it } from 'vitest'
import { FAMILIES, JOIN, mesh } from '../setup/mesh.ts'
import { endpoint, expectPlain, expectSteered } from '../setup/route.ts'
import { addIstioRules, FLAVOURS, removeIstioRules } from './istio.ts'

const PORT = 8080
const FOUND = {
  'iptables-nft': 'iptables-nft table nat (ISTIO_OUTPUT, ISTIO_PRERT)',
  'iptables-legacy': 'iptables-legacy table nat (ISTIO_OUTPUT, ISTIO_PRERT)',
  nft: 'nft table inet istio-ambient-nat'
} as const

const node = mesh({
  enrolled: ['app', 'clean'],
  plain: [...FLAVOURS, 'client'],
  outsiders: ['server'],
  agent: { config: { verifyInterval: '300ms', metrics: { address: '127.0.0.1:0' } } }
})
const pod = (name: string) => node.pod(name)

beforeAll(async () => {
  await node.outsider('server').serve(PORT)
  await pod('app').serve(PORT)
})

function stateOf(name: string) {
  return node.report().then(({ pods }) => pods.find(({ uid }) => uid === pod(name).uid))
}

async function metric(series: string): Promise<number> {
  const { address } = await node.agent.waitForLog(({ msg }) => msg === 'metrics are served')
  const text = await (await fetch(`http://${String(address)}/metrics`)).text()
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length)
  )
}

describe.each(FLAVOURS)('Istio’s rules as %s', (flavour) => {
  it('keep a pod from being enrolled, with what was found and a remedy, until they are gone', async () => {
    const there = pod(flavour)
    await addIstioRules(there, flavour)
    await there.annotate(JOIN, 'true')
    await node.agent.untilPod(there, 'failed')
    const { lastError = '' } = (await stateOf(flavour)) ?? {}
    expect(lastError).toContain(`istio-cni's own rules are in the pod: `)
    expect(lastError).toContain(FOUND[flavour])
    expect(lastError).toContain('remove istio-cni from the node and restart the pod')
    expect(await there.ip('rule')).not.toContain('proto 151')
    await removeIstioRules(there, flavour)
    await node.agent.untilPod(there, 'enrolled')
  })

  it('that come later are told in the log, in status and in the metrics, as long as they are there', async () => {
    const there = pod('app')
    await node.agent.untilPod(there, 'verified')
    await addIstioRules(there, flavour)
    const told = (text: string) => (line: { conditions?: readonly { kind: string; message: string }[] }) =>
      line.conditions?.some(({ kind, message }) => kind === 'istio-rules' && message.includes(text)) === true
    await node.agent.until(({ pods }) => pods.some(told(FOUND[flavour])))
    expect(await metric('sluice_pod_conditions{condition="istio-rules"}')).toBe(1)
    expect((await node.agent.cli('status')).stdout).toMatch(
      /default\/app, istio-rules: .*ISTIO|istio-ambient/
    )
    await node.agent.waitForLog(
      ({ event, reason }) => event === 'condition' && String(reason).includes(FOUND[flavour])
    )
    for (const family of FAMILIES) {
      const to = node.outsider('server')[family]
      const connected = await there.connect(to, PORT)
      await expectSteered(node, connected, { from: there, family, to: endpoint(to, PORT) })
      // The redirect makes it a connection to ztunnel's own port, at which nobody may dial.
      const inbound = await pod('client').connect(there[family], PORT, '--timeout', 1000)
      expect(inbound).toMatchObject({ ok: false })
      expectPlain(await pod('client').connect(to, PORT))
    }
    await removeIstioRules(there, flavour)
    await node.agent.until(({ pods }) => !pods.some(told('')))
    expect(await pod('client').connect(there.ipv4, PORT)).toMatchObject({ ok: true, ended: 'line' })
  })
})

describe('a pod without any firewall', () => {
  it('gets no table by being looked at', async () => {
    const there = pod('clean')
    await node.agent.untilPod(there, 'verified')
    const inside = async (...argv: string[]) => (await there.exec(argv)).stdout.trim()
    expect(await inside('cat', '/proc/net/ip_tables_names', '/proc/net/ip6_tables_names')).toBe('')
    expect(await inside('nft', 'list', 'tables')).toBe('')
  })
})
