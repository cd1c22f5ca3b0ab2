// SPDX-License-Identifier: Apache-2.0
// The three ways in which a pod can have a firewall: iptables on nf_tables, the legacy iptables, and nft itself.

import { spawnSync } from 'node:child_process'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Family, Netns } from '../lib/netns.ts'
import { FAMILIES, netns, SOURCE, useWorld, World, world } from './netns-world.ts'

useWorld()

const tables = async () => (await netns.run([{ op: 'firewall', nft: true }]))[0]
const generation = async (nft = true) => (await netns.run([{ op: 'firewall-generation', nft }]))[0]
const nft = (script: string) => world.exec('nft', script)

const KINDS = [
  ['iptables-nft', 'nft'],
  ['iptables-legacy', 'legacy']
] as const
const EACH = KINDS.flatMap(([command, kind]) => FAMILIES.map((family) => ({ command, kind, family })))

const commandOf = (command: string, family: Family) =>
  family === 'ipv4' ? command : command.replace('iptables', 'ip6tables')

describe.each(EACH)('$command, $family', ({ command, kind, family }) => {
  const program = commandOf(command, family)
  const run = (words: string) => world.exec(program, ...words.split(' '))

  beforeEach(({ skip }) => {
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', world.name, program, '-t', 'nat', '-S'], {
      encoding: 'utf8'
    })
    if (status !== 0) skip(`this kernel has no ${program}: ${stderr}`)
  })

  it('has its tables, with the chains that somebody made', async () => {
    run('-t mangle -N OURS')
    run('-t mangle -A OUTPUT -j OURS')
    run('-t nat -N THEIRS')
    const found = await tables()
    const ofKind = found.filter((table) => table.kind === kind && table.family === family)
    expect(ofKind.find(({ name }) => name === 'mangle')).toMatchObject({
      chains: expect.arrayContaining(['OURS']),
      translates: false
    })
    expect(ofKind.find(({ name }) => name === 'nat')?.chains).toContain('THEIRS')
    expect(ofKind.find(({ name }) => name === 'nat')?.chains).not.toContain('OURS')
    expect(found.filter((table) => table.family !== family)).toEqual([])
  })

  it.each([
    ['PREROUTING -p tcp --dport 80 -j DNAT --to-destination SOURCE', true],
    ['POSTROUTING -p tcp --dport 80 -j SNAT --to-source SOURCE', false],
    ['PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 81', false]
  ])('translates destinations by `%s`: %s', async (rule, translates) => {
    run(`-t nat -A ${rule.replace('SOURCE', SOURCE[family])}`)
    const [table, ...others] = (await tables()).filter(({ name }) => name === 'nat')
    expect(table).toMatchObject({ kind, family, translates })
    expect(others).toEqual([])
  })

  it.each([
    ['OUTPUT -j MARK --set-xmark 0x5/0xf', 0xf],
    ['OURS -j MARK --set-xmark 0x5/0xf', 0xf],
    ['OUTPUT -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff', 0xff],
    ['OUTPUT -j CONNMARK --set-mark 0x5', 0],
    ['PREROUTING -j MARK --set-xmark 0x5/0xf', 0]
  ])('changes marks of what is sent by `%s`: %i', async (rule, bits) => {
    run('-t mangle -N OURS')
    run('-t mangle -A OUTPUT -j OURS')
    run(`-t mangle -A ${rule}`)
    const [table] = (await tables()).filter(({ name }) => name === 'mangle')
    expect(table).toMatchObject({ kind, family, marks: bits })
  })

  it('has another generation when a rule is added or taken away, and the same otherwise', async () => {
    run('-t mangle -N OURS')
    const before = await generation()
    expect(await generation()).toBe(before)
    run('-t mangle -A OURS -p tcp -j ACCEPT')
    const after = await generation()
    expect(after).not.toBe(before)
    run('-t mangle -F OURS')
    expect(await generation()).not.toBe(after)
    expect(await generation()).toBe(await generation())
  })
})

describe('nft', () => {
  it.each([
    ['ip', 'ipv4'],
    ['ip6', 'ipv6'],
    ['inet', 'other'],
    ['bridge', 'other']
  ])('has tables of family %s', async (family, told) => {
    nft(`add table ${family} mine; add chain ${family} mine first; add chain ${family} mine second`)
    expect(await tables()).toEqual([
      { kind: 'nft', family: told, name: 'mine', chains: ['first', 'second'], translates: false, marks: 0 }
    ])
  })

  it.each([
    ['dnat to 10.77.0.1', true],
    ['dnat to tcp dport map { 80 : 10.77.0.1, 81 : 10.77.0.1 }', true],
    ['redirect to :81', false],
    ['counter accept', false]
  ])('translates destinations by `%s`: %s', async (verdict, translates) => {
    nft(
      `add table ip mine; add chain ip mine in { type nat hook prerouting priority 0; }; add rule ip mine in counter; add rule ip mine in ip protocol tcp tcp dport 80 ${verdict}`
    )
    expect(await tables()).toMatchObject([{ name: 'mine', translates }])
  })

  it.each([
    ['type route hook output priority -150', 0xffff_ffff],
    ['type filter hook output priority -150', 0],
    ['type filter hook prerouting priority -150', 0]
  ])('changes marks of what is sent in a chain of `%s`: %i', async (hook, marks) => {
    nft(`add table inet mine; add chain inet mine c { ${hook}; }; add rule inet mine c meta mark set 7`)
    expect(await tables()).toMatchObject([{ name: 'mine', marks }])
  })

  it('tells one table of a name from another family’s', async () => {
    nft(
      'add table ip mine; add chain ip mine a; add table ip6 mine; add chain ip6 mine in { type nat hook prerouting priority 0; }; add rule ip6 mine in tcp dport 80 dnat to [fd77::1]:81'
    )
    const found = (await tables()).toSorted((a, b) => a.family.localeCompare(b.family))
    expect(found).toMatchObject([
      { family: 'ipv4', chains: ['a'], translates: false },
      { family: 'ipv6', chains: ['in'], translates: true }
    ])
  })

  it('has another generation with every change, which is not told to who did not ask for nft', async () => {
    const [legacy, before] = [await generation(false), await generation()]
    nft('add table inet mine')
    expect(await generation()).not.toBe(before)
    expect(await generation(false)).toBe(legacy)
    expect(await netns.run([{ op: 'firewall', nft: false }])).toEqual([[]])
  })
})

describe('a namespace without a firewall', () => {
  it('has no table, also after it was asked for', async () => {
    expect(await tables()).toEqual([])
    await generation()
    expect(await tables()).toEqual([])
    expect(nft('list tables')).toBe('')
    expect(
      world.exec('sh', '-c', 'cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>&-; true')
    ).toBe('')
  })

  it('has none of another one’s', async () => {
    const second = new World()
    try {
      using other = Netns.open(second.path)
      nft('add table inet mine; add chain inet mine c')
      expect(await other.run([{ op: 'firewall', nft: true }])).toEqual([[]])
      expect(await tables()).toHaveLength(1)
    } finally {
      second.dispose()
    }
  })

  it('is asked with a word on nft', async () => {
    for (const op of ['firewall', 'firewall-generation'] as const)
      await expect(async () => netns.run([{ op } as never])).rejects.toThrow(/nft/)
  })
})
