// SPDX-License-Identifier: Apache-2.0
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { addressOf } from '../../ztunnel/answer.ts'
import { FAMILIES, type Family, mesh } from '../setup/mesh.ts'
import { endpoint } from '../setup/route.ts'
import { answerers, ask, INSIDE, type Kind, Resolver } from './asked.ts'

/** Address forms a resolver is given in. */
const FORMS = ['ipv4', 'ipv6', 'mapped'] as const
type Form = (typeof FORMS)[number]

const PATTERNS: readonly (readonly [string, Kind, ...string[]])[] = [
  ['connected', 'connected'],
  ['connected, A and AAAA at once: Go', 'connected', '--type', 'both'],
  ['connected, A after AAAA: c-ares', 'connected', '--type', 'both', '--in-turn'],
  ['connected, sendmmsg: glibc', 'sendmmsg', '--type', 'both'],
  ['unconnected', 'unconnected'],
  ['unconnected, A and AAAA at once: musl', 'unconnected', '--type', 'both'],
  ['unconnected, sendmmsg', 'sendmmsg-to', '--type', 'both'],
  ['TCP', 'tcp'],
  ['TCP, two on one connection', 'tcp', '--type', 'both'],
  ['connected, bound to a device', 'connected', '--device', 'eth0'],
  ['TCP, bound to a device', 'tcp', '--device', 'eth0']
]
const FORMS_AND_PATTERNS = FORMS.flatMap((form) => PATTERNS.map((pattern) => [form, pattern] as const))

const SEVERAL: readonly (readonly [string, Kind, ...string[]])[] = [
  ['both at once: dnsmasq', 'unconnected'],
  ['A and AAAA of both at once: musl', 'unconnected', '--type', 'both'],
  ['one after the other: Netty', 'unconnected', '--in-turn'],
  ['both in one sendmmsg', 'sendmmsg-to', '--type', 'both']
]

const node = mesh({
  enrolled: ['app'],
  plain: ['plain'],
  outsiders: ['one', 'two'],
  ztunnel: { hostnames: [INSIDE] }
})
const resolvers: Resolver[] = []

beforeAll(async () => {
  for (const name of ['one', 'two']) resolvers.push(await Resolver.start(node.outsider(name)))
})

function server(name: string, form: Form): string {
  return form === 'mapped' ? `::ffff:${node.outsider(name).ipv4}` : node.outsider(name)[form]
}

const heard = () => resolvers.reduce((sum, resolver) => sum + resolver.heard.length, 0)

describe('a question is answered by ztunnel and seems to be by the server that was asked', () => {
  it.each(FORMS_AND_PATTERNS)('%s, %s', async (form, [, kind, ...options]) => {
    const asked = await ask(node.pod('app'), kind, [server('one', form)], ...options)
    const named = endpoint(server('one', form), 53)
    expect(asked.ok, JSON.stringify(asked)).toBe(true)
    expect(answerers(asked)).toEqual(['ztunnel'])
    for (const { from } of asked.replies) expect(from).toBe(named)
    expect(asked.replies.map(({ id }) => id).sort((one, other) => one - other)).toEqual(
      options.includes('both') ? [1, 2] : [1]
    )
    if (kind !== 'unconnected' && kind !== 'sendmmsg-to') expect(asked.peer).toBe(named)
  })

  it.each(FAMILIES)('from a socket bound to the pod’s address: %s', async (family) => {
    const own = node.pod('app').address(family)
    for (const kind of ['connected', 'unconnected', 'tcp'] as const) {
      const asked = await ask(node.pod('app'), kind, [server('one', family)], '--bind', own)
      expect(answerers(asked), JSON.stringify(asked)).toEqual(['ztunnel'])
    }
  })

  // IP_UNICAST_IF chooses the device after the hook, and loopback is not reached over it: docs/design.md, known limits.
  it.each(FAMILIES)('not from a socket of a fixed egress device, which asks nobody: %s', async (family) => {
    const nobody = ['--unicast-if', 'eth0', '--timeout', 1000]
    for (const kind of ['connected', 'unconnected'] as const) {
      const asked = await ask(node.pod('app'), kind, [server('one', family)], ...nobody)
      expect(answerers(asked), JSON.stringify(asked)).toEqual([])
    }
  })

  it.each(FAMILIES)('again and again on one socket: %s', async (family) => {
    const app = node.pod('app')
    const run = app.startDial('dns', 'unconnected', INSIDE, server('one', family), '--again')
    await run.waitFor((line) => 'replies' in line)
    run.write('\n')
    const { lines } = await run.finished()
    expect(lines.map((line) => answerers(line))).toEqual([['ztunnel'], ['ztunnel']])
  })

  it('and the servers hear nothing of it', () => {
    expect(heard()).toBe(0)
  })
})

describe('several servers on one unconnected socket', () => {
  const PAIRS: readonly (readonly [Form, Form])[] = [
    ['ipv4', 'ipv4'],
    ['ipv6', 'ipv6'],
    ['mapped', 'mapped'],
    ['ipv4', 'ipv6']
  ]
  const CASES = PAIRS.flatMap((pair) => SEVERAL.map((several) => [...pair, several] as const))

  it.each(CASES)('%s and %s, %s: each answers once a question', async (one, two, [, kind, ...options]) => {
    const both = [server('one', one), server('two', two)]
    const asked = await ask(node.pod('app'), kind, both, ...options)
    expect(answerers(asked), JSON.stringify(asked)).toEqual(['ztunnel'])
    const shown = (address: string, form: Form) =>
      endpoint(form === 'ipv4' && two === 'ipv6' ? `::ffff:${address}` : address, 53)
    const questions = options.includes('both') ? 2 : 1
    const expected = [shown(both[0] ?? '', one), shown(both[1] ?? '', two)]
    expect(asked.replies.map(({ from }) => from)).toEqual(
      expected.flatMap((from) => Array<string>(questions).fill(from))
    )
  })

  it.each(FAMILIES)('bound to a device: the first question is refused, none goes out: %s', async (family) => {
    const asked = await ask(node.pod('app'), 'unconnected', [server('one', family)], '--device', 'eth0')
    expect(asked).toMatchObject({ ok: false, errno: 'ECONNREFUSED', stage: 'send' })
    expect(heard()).toBe(0)
  })
})

describe('libraries get their answer', () => {
  const FOUND: readonly Family[] = FAMILIES

  it.each(FOUND)('getaddrinfo of glibc: %s', async (family) => {
    const path = join(node.world.runDirectory, `resolv-${family}.conf`)
    await writeFile(path, `nameserver ${server('one', family)}\nnameserver ${server('two', family)}\n`)
    const script = 'mount --bind "$0" /etc/resolv.conf && exec getent ahosts "$1"'
    const { stdout, stderr } = await node
      .pod('app')
      .exec(['unshare', '--mount', 'sh', '-c', script, path, INSIDE])
    for (const kind of FAMILIES) expect(stdout, stderr).toContain(addressOf(INSIDE, 'ztunnel', kind))
  })

  it.each(FOUND)('c-ares: %s', async (family) => {
    const servers = ['one', 'two'].map((name) => endpoint(server(name, family), 53))
    const script = `const { Resolver } = require('node:dns').promises
      const resolver = new Resolver({ timeout: 20000, tries: 1 })
      resolver.setServers(${JSON.stringify(servers)})
      Promise.all([resolver.resolve4('${INSIDE}'), resolver.resolve6('${INSIDE}')])
        .then((answers) => console.log(JSON.stringify({ answers })))`
    const { lines, stderr } = await node.pod('app').exec([process.execPath, '-e', script])
    const answers = FAMILIES.map((kind) => [addressOf(INSIDE, 'ztunnel', kind)])
    expect(lines, stderr).toEqual([{ answers }])
  })
})

describe('without the mesh', () => {
  it.each(FORMS_AND_PATTERNS)('the server itself answers: %s, %s', async (form, [, kind, ...options]) => {
    const before = heard()
    const asked = await ask(node.pod('plain'), kind, [server('one', form)], ...options)
    expect(answerers(asked), JSON.stringify(asked)).toEqual(['server'])
    expect(heard()).toBe(before + asked.replies.length)
  })
})
