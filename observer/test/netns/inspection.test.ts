// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it, vi } from 'vitest'
import type { FirewallTable, Netns, NetnsOperation, Route, Rule } from '#native'
import { Inspector } from '../../netns/inspection.ts'

const TABLE = 5151
const RULE: Rule = { family: 'ipv4', priority: 1, mark: 0x51c, table: TABLE, action: 'lookup' }
const ROUTE: Route = { family: 'ipv6', table: TABLE, type: 'local', destination: 'default' }
const NAT: FirewallTable = {
  kind: 'nft',
  family: 'ipv4',
  name: 'nat',
  chains: [],
  translates: true,
  marks: 0
}

/** A namespace as it is now; what is read of it is written down. */
class Pod {
  readonly asked: string[] = []
  rules: Record<string, Rule[]> = { ipv4: [RULE], ipv6: [] }
  routes: Record<string, Route[]> = { ipv4: [], ipv6: [ROUTE] }
  generation = '1'
  tables: FirewallTable[] = [NAT]
  readonly sysctls: Record<string, string> = {
    'net.ipv4.ip_forward': '1',
    'net.ipv6.conf.all.forwarding': '0',
    'net.ipv4.tcp_fwmark_accept': '1'
  }
  /** What happens while it is read. */
  meanwhile: () => void = () => undefined

  readonly netns = {
    run: async (operations: readonly NetnsOperation[]) => {
      const answers = operations.map((operation) => this.#answer(operation))
      await Promise.resolve()
      this.meanwhile()
      return answers
    }
  } as unknown as Netns

  #answer(operation: NetnsOperation): unknown {
    switch (operation.op) {
      case 'rules':
        this.asked.push(`rules ${operation.family}`)
        return this.rules[operation.family]
      case 'routes':
        this.asked.push(`routes ${operation.family} ${operation.table}`)
        return this.routes[operation.family]
      case 'firewall':
        this.asked.push('firewall')
        return this.tables
      case 'firewall-generation':
        return this.generation
      case 'forwarded':
        return { ipv4: 0, ipv6: 7 }
      case 'get-sysctl':
        return this.sysctls[operation.name]
      default:
        throw new Error(`${operation.op} is not read`)
    }
  }

  /** What was asked for since the last time, but for what always is. */
  get news(): readonly string[] {
    return this.asked.splice(0)
  }
}

const ROUTING = ['rules ipv4', 'rules ipv6', `routes ipv4 ${TABLE}`, `routes ipv6 ${TABLE}`]

function inspected() {
  const pod = new Pod()
  return { pod, inspector: new Inspector(pod.netns, TABLE) }
}

describe('a look into a namespace', () => {
  it('finds rules, routes, firewall, forwarding and sysctls', async () => {
    const { pod, inspector } = inspected()
    const names = ['net.ipv4.tcp_fwmark_accept', 'net.ipv4.absent']
    expect(await inspector.look(names)).toEqual({
      rules: [RULE],
      routes: [ROUTE],
      tables: [NAT],
      forwarded: { ipv4: 0, ipv6: 7 },
      enabled: { ipv4: true, ipv6: false },
      sysctls: { 'net.ipv4.tcp_fwmark_accept': '1', 'net.ipv4.absent': undefined }
    })
    expect(pod.news).toEqual([...ROUTING, 'firewall'])
  })

  it('reads sysctls anew each time, and the rest only when it may have changed', async () => {
    const { pod, inspector } = inspected()
    const first = await inspector.look([])
    expect(pod.news).not.toEqual([])
    pod.sysctls['net.ipv4.ip_forward'] = '0'
    expect(await inspector.look([])).toEqual({ ...first, enabled: { ipv4: false, ipv6: false } })
    expect(pod.news).toEqual([])
  })
})

describe('a survey of what others have made', () => {
  it('finds rules, routes and firewall in one visit, whatever was read before', async () => {
    const { pod, inspector } = inspected()
    await inspector.look([])
    pod.asked.length = 0
    pod.rules.ipv4 = []
    pod.tables = []
    const visits = vi.spyOn(pod.netns, 'run')
    expect(await inspector.survey()).toEqual({ rules: [], routes: [ROUTE], tables: [] })
    expect(visits).toHaveBeenCalledOnce()
    expect(pod.news.toSorted()).toEqual([...ROUTING, 'firewall'].toSorted())
  })

  it('is what later looks know, unless more was told of meanwhile', async () => {
    const { pod, inspector } = inspected()
    await inspector.survey()
    pod.asked.length = 0
    expect(await inspector.look([])).toMatchObject({ rules: [RULE], tables: [NAT] })
    expect(pod.news).toEqual([])
    pod.meanwhile = () => {
      inspector.doubt()
      pod.generation = '2'
    }
    await inspector.survey()
    pod.meanwhile = () => undefined
    pod.asked.length = 0
    await inspector.look([])
    expect(pod.news).toEqual([...ROUTING, 'firewall'])
  })
})

describe('rules and routes', () => {
  it('are read again after a doubt, once', async () => {
    const { pod, inspector } = inspected()
    await inspector.look([])
    expect(pod.news).toContain('rules ipv4')
    pod.rules.ipv4 = []
    inspector.doubt()
    expect((await inspector.look([])).rules).toEqual([])
    expect(pod.news).toEqual(ROUTING)
    await inspector.look([])
    expect(pod.news).toEqual([])
  })

  it('are read again when the doubt came while they were read', async () => {
    const { pod, inspector } = inspected()
    pod.meanwhile = () => inspector.doubt()
    await inspector.look([])
    expect(pod.news).toContain('rules ipv4')
    pod.meanwhile = () => undefined
    await inspector.look([])
    expect(pod.news).toEqual(ROUTING)
    await inspector.look([])
    expect(pod.news).toEqual([])
  })

  it('are read anew by an inspector of another table', async () => {
    const { pod } = inspected()
    await new Inspector(pod.netns, 7).look([])
    expect(pod.news).toEqual(expect.arrayContaining(['routes ipv4 7', 'routes ipv6 7']))
  })
})

describe('the firewall', () => {
  it('is read again when its generation is another one, whatever is doubted', async () => {
    const { pod, inspector } = inspected()
    await inspector.look([])
    pod.asked.length = 0
    inspector.doubt()
    pod.tables = []
    expect((await inspector.look([])).tables).toEqual([NAT])
    expect(pod.news).toEqual(ROUTING)
    pod.generation = '2'
    expect((await inspector.look([])).tables).toEqual([])
    expect(pod.news).toEqual(['firewall'])
  })

  it('that changes between its generation and its tables is read once more', async () => {
    const { pod, inspector } = inspected()
    pod.meanwhile = () => {
      pod.generation = '2'
    }
    await inspector.look([])
    pod.meanwhile = () => undefined
    expect(pod.news).toContain('firewall')
    await inspector.look([])
    expect(pod.news).toEqual(['firewall'])
  })
})
