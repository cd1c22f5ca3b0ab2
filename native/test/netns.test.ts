// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Netns } from '../lib/netns.ts'
import {
  FAMILIES,
  local,
  lookup,
  netns,
  PROTOCOL,
  SOURCE,
  TABLE,
  unreachable,
  useWorld,
  World,
  world
} from './netns-world.ts'

useWorld()

describe.each(FAMILIES)('rules and routes, %s', (family) => {
  const flag = family === 'ipv4' ? '-4' : '-6'

  it('adds a rule once, lists it, deletes it once', async () => {
    for (const rule of [lookup(family), unreachable(family)]) {
      expect(
        await netns.run([
          { op: 'add-rule', rule },
          { op: 'add-rule', rule }
        ])
      ).toEqual([true, false])
      const [rules] = await netns.run([{ op: 'rules', family }])
      const found = rules.find((other) => other.priority === rule.priority)
      expect(found).toEqual({ ...rule, description: expect.stringContaining('from all fwmark 0x51c/0xfff') })
      expect(world.ip(`${flag} rule`).replaceAll(':\t', ': ')).toContain(
        `${found?.description} proto ${PROTOCOL}`
      )
      expect(
        await netns.run([
          { op: 'delete-rule', rule },
          { op: 'delete-rule', rule }
        ])
      ).toEqual([true, false])
      expect(world.ip(`${flag} rule`)).not.toContain('fwmark')
    }
  })

  it('leaves a rule of another protocol alone', async () => {
    world.ip(`${flag} rule add pref 1 fwmark 0x51c/0xfff lookup ${TABLE} proto 173`)
    expect(await netns.run([{ op: 'delete-rule', rule: lookup(family) }])).toEqual([false])
    expect(world.ip(`${flag} rule`)).toContain('proto 173')
  })

  it('leaves a narrower rule of somebody else alone', async () => {
    world.ip(`${flag} rule add pref 1 fwmark 0x51c/0xfff iif lo lookup ${TABLE} proto ${PROTOCOL}`)
    const rule = lookup(family)
    expect(
      await netns.run([
        { op: 'delete-rule', rule },
        { op: 'add-rule', rule }
      ])
    ).toEqual([false, true])
    expect(world.ip(`${flag} rule`)).toContain('iif lo')
  })

  it.each([
    ['from SOURCE lookup 7', / from (10\.77\.0\.1|fd77::1)\//],
    ['to SOURCE lookup 7', / to (10\.77\.0\.1|fd77::1)\//],
    ['iif lo lookup 7', / iif lo/],
    ['oif lo lookup 7', / oif lo/],
    ['ipproto tcp lookup 7', / ipproto 6/],
    ['ipproto tcp dport 80 lookup 7', / dport 80-80/],
    ['uidrange 5-6 lookup 7', / uidrange 5-6/],
    ['not fwmark 3 lookup 7', / not .*fwmark 0x3/],
    ['l3mdev', / l3mdev/],
    ['lookup main suppress_prefixlength 0', / suppress_prefixlength 0/],
    ['fwmark 3 prohibit', / prohibit$/],
    ['fwmark 3 blackhole', / blackhole$/]
  ])('reports `%s` as foreign', async (words, description) => {
    world.ip(`${flag} rule add pref 9 ${words.replace('SOURCE', SOURCE[family])}`)
    const [rules] = await netns.run([{ op: 'rules', family }])
    const found = rules.filter((rule) => rule.priority === 9)
    expect(found).toEqual([
      expect.objectContaining({ foreign: true, description: expect.stringMatching(description) })
    ])
    expect(rules.filter((rule) => rule.foreign)).toEqual(found)
  })

  it('replaces, lists and deletes a route', async () => {
    const route = local(family)
    const [before] = await netns.run([{ op: 'routes', family, table: TABLE }])
    expect(before).toEqual([])
    await netns.run([
      { op: 'replace-route', route },
      { op: 'replace-route', route }
    ])
    const [routes] = await netns.run([{ op: 'routes', family, table: TABLE }])
    expect(routes).toEqual([{ ...route, scope: family === 'ipv4' ? 'host' : 'global' }])
    expect(world.ip(`${flag} route show table ${TABLE}`)).toMatch(
      new RegExp(`^local default dev lo proto ${PROTOCOL} .*src ${SOURCE[family]}`)
    )
    expect(
      await netns.run([
        { op: 'delete-route', route },
        { op: 'delete-route', route }
      ])
    ).toEqual([true, false])
    expect(world.ip(`${flag} route show table all`)).not.toContain(`table ${TABLE}`)
  })

  it('reads prefixes and host routes', async () => {
    const destinations =
      family === 'ipv4' ? ['192.0.2.0/25', '192.0.2.200'] : ['2001:db8::/33', '2001:db8::9']
    for (const destination of destinations) {
      await netns.run([{ op: 'replace-route', route: { ...local(family), destination } }])
    }
    const [routes] = await netns.run([{ op: 'routes', family, table: TABLE }])
    expect(routes.map((route) => route.destination).sort()).toEqual(destinations.sort())
  })

  it('deletes nothing when the interface is gone', async () => {
    const route = { ...local(family), interfaceName: 'nowhere0' }
    expect(await netns.run([{ op: 'delete-route', route }])).toEqual([false])
    await expect(netns.run([{ op: 'replace-route', route }])).rejects.toMatchObject({
      message: expect.stringContaining('dev nowhere0')
    })
  })
})

describe('what a run answers', () => {
  it('gives addresses of both families', async () => {
    const [addresses] = await netns.run([{ op: 'addresses' }])
    const lo = { interfaceName: 'lo', interfaceIndex: 1, tentative: false }
    expect(addresses).toHaveLength(4)
    expect(addresses).toEqual(
      expect.arrayContaining([
        { ...lo, family: 'ipv4', address: '127.0.0.1', prefixLength: 8, scope: 'host' },
        { ...lo, family: 'ipv4', address: '10.77.0.1', prefixLength: 32, scope: 'global' },
        { ...lo, family: 'ipv6', address: '::1', prefixLength: 128, scope: 'host' },
        { ...lo, family: 'ipv6', address: 'fd77::1', prefixLength: 128, scope: 'global' }
      ])
    )
  })

  it('gives the near address of a point-to-point interface, and tentative addresses as such', async () => {
    world.ip('addr add 10.78.0.1 peer 10.78.0.2 dev lo')
    world.ip('link add name br0 type bridge')
    world.ip('link add name v0 type veth peer name v1')
    world.ip('link set v1 up')
    world.ip('link set v0 up')
    world.ip('-6 addr add fd78::1/64 dev v0')
    const [addresses] = await netns.run([{ op: 'addresses' }])
    expect(addresses.map(({ address }) => address)).toContain('10.78.0.1')
    expect(addresses.find(({ address }) => address === 'fd78::1')?.tentative).toBe(true)
  })

  it('sets sysctls of that namespace only', async () => {
    const name = 'net.ipv4.tcp_fwmark_accept'
    const host = readFileSync('/proc/sys/net/ipv4/tcp_fwmark_accept', 'utf8')
    expect(
      await netns.run([
        { op: 'set-sysctl', name, value: '1' },
        { op: 'get-sysctl', name }
      ])
    ).toEqual(['0', '1'])
    expect(await netns.run([{ op: 'set-sysctl', name, value: '1' }])).toEqual(['1'])
    expect(world.exec('cat', '/proc/sys/net/ipv4/tcp_fwmark_accept')).toBe('1\n')
    expect(readFileSync('/proc/sys/net/ipv4/tcp_fwmark_accept', 'utf8')).toBe(host)
  })

  it('tells an unknown sysctl from a failure', async () => {
    expect(await netns.run([{ op: 'get-sysctl', name: 'net.ipv4.nothing' }])).toEqual([undefined])
    await expect(
      netns.run([{ op: 'set-sysctl', name: 'net.ipv4.nothing', value: '1' }])
    ).rejects.toMatchObject({
      code: 'SLUICE_NATIVE_ENETNS_OPERATION',
      errno: 2,
      message: expect.stringContaining('set-sysctl net.ipv4.nothing = 1: No such file or directory (ENOENT)')
    })
  })

  it('gives the cookie of each namespace, and the flags of links', async () => {
    const second = new World()
    try {
      using other = Netns.open(second.path)
      const [[mine], [same], [theirs]] = await Promise.all([
        netns.run([{ op: 'cookie' }]),
        netns.run([{ op: 'cookie' }]),
        other.run([{ op: 'cookie' }])
      ])
      expect(mine).toBeTypeOf('bigint')
      expect(same).toBe(mine)
      expect(theirs).not.toBe(mine)
      expect(other.inode).not.toBe(netns.inode)
    } finally {
      second.dispose()
    }
    world.ip('link add name br1 type bridge')
    const links = ['lo', 'br1', 'absent'].map((name) => ({ op: 'link-flags', name }) as const)
    expect(await netns.run(links)).toEqual([
      { up: true, index: 1 },
      { up: false, index: expect.any(Number) },
      undefined
    ])
  })
})
