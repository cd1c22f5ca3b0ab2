// SPDX-License-Identifier: Apache-2.0
// A network namespace with more in it than is read of one: who administers it must not fill the agent's memory.

import { execFileSync, spawnSync } from 'node:child_process'
import { beforeEach, describe, expect, it } from 'vitest'
import { netns, TABLE, useWorld, world } from './netns-world.ts'

useWorld()

function addRoutes(first: number, count: number): void {
  const addresses = Array.from({ length: count }, (_, index) => (10 << 24) + first + index)
  const lines = addresses.map(
    (address) =>
      `route add ${[24, 16, 8, 0].map((shift) => (address >> shift) & 255).join('.')} dev lo table ${TABLE}`
  )
  execFileSync('ip', ['-n', world.name, '-batch', '-'], { input: lines.join('\n') })
}

function addRules(count: number): void {
  const comment = 'x'.repeat(100)
  const lines = Array.from({ length: count }, () => `add rule t c accept comment "${comment}"`)
  const input = ['add table t', 'add chain t c', ...lines].join('\n')
  execFileSync('ip', ['netns', 'exec', world.name, 'nft', '-f', '-'], { input })
}

function addLegacyRules(count: number): void {
  const lines = Array.from({ length: count }, () => '-A OUTPUT -j ACCEPT')
  const input = ['*filter', ...lines, 'COMMIT', ''].join('\n')
  execFileSync('ip', ['netns', 'exec', world.name, 'iptables-legacy-restore'], { input })
}

it('routes are not read without end', async () => {
  const list = { op: 'routes', family: 'ipv4', table: TABLE } as const
  addRoutes(0, 10_000)
  expect((await netns.run([list]))[0]).toHaveLength(10_000)
  addRoutes(10_000, 20_000)
  await expect(netns.run([list])).rejects.toMatchObject({
    code: 'SLUICE_NATIVE_ENETNS_TOO_LARGE',
    syscall: 'netlink(RTM_GETROUTE)',
    message: 'routes table 5151 (ipv4): the answer has more than 1 MiB'
  })
})

describe.each([
  ['nft', 'nft list ruleset', addRules, 'netlink(NFT_MSG_GETRULE)'],
  ['iptables-legacy', 'iptables-legacy -S', addLegacyRules, 'getsockopt(IPT_SO_GET_ENTRIES)']
])('a firewall of %s', (name, asked, add, syscall) => {
  beforeEach(({ skip }) => {
    const { status, stderr } = spawnSync('ip', ['netns', 'exec', world.name, ...asked.split(' ')], {
      encoding: 'utf8'
    })
    if (status !== 0) skip(`this kernel has no ${name}: ${stderr}`)
  })

  it('is not read without end', async () => {
    const read = [{ op: 'firewall', nft: name === 'nft' }] as const
    add(1000)
    await netns.run(read)
    add(60_000)
    await expect(netns.run(read)).rejects.toMatchObject({
      code: 'SLUICE_NATIVE_ENETNS_TOO_LARGE',
      syscall,
      message: 'firewall: the answer has more than 8 MiB'
    })
  })
})
