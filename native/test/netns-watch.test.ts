// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Netns, type NetnsChange, type NetnsWatch } from '../lib/netns.ts'
import { FD_NOISE, library, openFds, runProgram, World } from './netns-world.ts'

let world: World
let netns: Netns
let watch: NetnsWatch | undefined
let seen: { what: NetnsChange; at: number }[]

beforeEach(async () => {
  world = new World()
  netns = Netns.open(world.path)
  seen = []
  watch = await netns.watch((what) => seen.push({ what, at: performance.now() }))
})

afterEach(() => {
  watch?.close()
  netns.close()
  world.dispose()
})

const kinds = (): NetnsChange[] => [...new Set(seen.map(({ what }) => what))].sort()

async function settled(): Promise<NetnsChange[]> {
  await sleep(100)
  return kinds()
}

it('reports nothing while nothing changes', async () => {
  world.ip('rule')
  await netns.run([{ op: 'addresses' }, { op: 'rules', family: 'ipv6' }])
  expect(await settled()).toEqual([])
})

it.each(['-4', '-6'])('sees the deletion of a rule within 100 ms, %s', async (flag) => {
  world.ip(`${flag} rule add pref 5 fwmark 9 lookup 77`)
  await settled()
  seen.length = 0
  const began = performance.now()
  world.ip(`${flag} rule del pref 5`)
  const ended = performance.now()
  while (seen.length === 0 && performance.now() - ended < 1000) await sleep(1)
  expect(kinds()).toEqual(['rule'])
  // the command itself runs for a while on a busy machine, and blocks this event loop
  expect((seen[0]?.at ?? Infinity) - Math.max(began, ended)).toBeLessThan(100)
})

it.each<[string, NetnsChange]>([
  ['addr add 10.77.9.9/32 dev lo', 'address'],
  ['-6 addr add fd77::99/128 dev lo nodad', 'address'],
  ['route add local 192.0.2.1 dev lo table 5', 'route'],
  ['-6 route add local 2001:db8::1 dev lo table 5', 'route'],
  ['rule add pref 5 unreachable fwmark 1', 'rule'],
  ['-6 rule add pref 5 unreachable fwmark 1', 'rule'],
  ['link add name br0 type bridge', 'link']
])('sees `ip %s` as %s', async (command, kind) => {
  world.ip(command)
  expect(await settled()).toContain(kind)
})

it('reports every kind when the kernel dropped messages', async () => {
  const rules = Array.from({ length: 3000 }, (_, i) => `rule add pref ${i + 10} fwmark 1 lookup 5\n`).join('')
  // synchronous: this event loop reads nothing meanwhile
  execFileSync('ip', ['-n', world.name, '-batch', '-'], { input: rules })
  expect(await settled()).toEqual(['address', 'link', 'route', 'rule'])
  seen.length = 0
  world.ip('rule del pref 10')
  expect(await settled()).toEqual(['rule'])
})

it('outlives the namespace handle and its name, and says nothing once closed', async () => {
  netns.close()
  world.ip('rule add pref 5 fwmark 1 lookup 5')
  expect(await settled()).toEqual(['rule'])
  watch?.close()
  watch?.close()
  seen.length = 0
  world.ip('rule add pref 6 fwmark 1 lookup 5')
  expect(await settled()).toEqual([])
})

it('may be closed by its own callback', async () => {
  const changes: NetnsChange[] = []
  const own = await netns.watch((what) => {
    changes.push(what)
    own.close()
  })
  world.ip('link add name br0 up type bridge')
  await settled()
  expect(changes).toHaveLength(1)
})

it('leaks no descriptor', async () => {
  await settled() // what earlier tests closed
  const before = openFds()
  for (let i = 0; i < 200; i++) (await netns.watch(() => {})).close()
  await sleep(20)
  expect(openFds()).toBeLessThan(before + FD_NOISE)
})

it('refuses what is no function', async () => {
  await expect(netns.watch('x' as never)).rejects.toMatchObject({ code: 'SLUICE_NATIVE_EINVALID_ARGUMENT' })
})

it('surfaces an exception of the callback and goes on', () => {
  const result = runProgram(`import { Netns } from '${library('netns')}'
    import { execSync } from 'node:child_process'
    let count = 0
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    const watch = await Netns.open('${world.path}').watch(() => { throw new Error('thrown ' + ++count) })
    for (const pref of [5, 6]) {
      execSync('ip -n ${world.name} rule add pref ' + pref + ' fwmark 1 lookup 5')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    watch.close()`)
  expect(result).toMatchObject({ status: 0, stderr: '', stdout: 'uncaught thrown 1\nuncaught thrown 2\n' })
})
