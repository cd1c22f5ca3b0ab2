// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { NetnsChange, NetnsWatch } from '../lib/netns.ts'
import {
  FD_NOISE,
  library,
  netns,
  openFds,
  runProgram,
  SOURCE,
  TABLE,
  useWorld,
  world
} from './netns-world.ts'

let watch: NetnsWatch | undefined
let seen: NetnsChange[]

useWorld()

beforeEach(async () => {
  // The kernel makes the route of an IPv6 address later, and tells of both.
  await expect.poll(() => world.ip('-6 route show table local')).toContain(SOURCE.ipv6)
  seen = []
  watch = await netns.watch((what) => seen.push(what))
})

afterEach(() => watch?.close())

const kinds = (): NetnsChange[] => [...new Set(seen)].sort()

/** For what should not come: whatever is under way has come by then. */
const quiet = () => sleep(100)

it('reports nothing while nothing changes', async () => {
  world.ip('rule')
  await netns.run([{ op: 'addresses' }, { op: 'rules', family: 'ipv6' }])
  await quiet()
  expect(seen).toEqual([])
})

it.each(['-4', '-6'])('sees the deletion of a rule, %s', async (flag) => {
  world.ip(`${flag} rule add pref 5 fwmark 9 lookup 77`)
  await expect.poll(kinds).toEqual(['rule'])
  await quiet()
  seen.length = 0
  world.ip(`${flag} rule del pref 5`)
  await expect.poll(kinds).toEqual(['rule'])
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
  await expect.poll(kinds).toContain(kind)
})

it('reports every kind when the kernel dropped messages', async () => {
  const rules = Array.from({ length: 3000 }, (_, i) => `rule add pref ${i + 10} fwmark 1 lookup 5\n`).join('')
  // synchronous: this event loop reads nothing meanwhile
  execFileSync('ip', ['-n', world.name, '-batch', '-'], { input: rules })
  await expect.poll(kinds).toEqual(['address', 'link', 'route', 'rule'])
  await quiet()
  seen.length = 0
  world.ip('rule del pref 10')
  await expect.poll(kinds).toEqual(['rule'])
})

it('reports every kind when a message is longer than what is read at once', async () => {
  world.ip('link add name br0 up type bridge')
  // `ip` takes 4 KiB of next hops at a time; the kernel tells of all of them in one message.
  for (let batch = 0; batch < 8; batch++) {
    const gateways = Array.from({ length: 100 }, (_, i) => `nexthop via fe80::${batch}:${i + 1} dev br0`)
    world.ip(`-6 route append default table ${TABLE} ${gateways.join(' ')}`)
  }
  await quiet()
  seen.length = 0
  world.ip(`-6 route del default table ${TABLE}`)
  await expect.poll(kinds).toEqual(['address', 'link', 'route', 'rule'])
})

it('outlives the namespace handle and its name, and says nothing once closed', async () => {
  netns.close()
  world.ip('rule add pref 5 fwmark 1 lookup 5')
  await expect.poll(kinds).toEqual(['rule'])
  watch?.close()
  watch?.close()
  seen.length = 0
  world.ip('rule add pref 6 fwmark 1 lookup 5')
  await quiet()
  expect(seen).toEqual([])
})

it('may be closed by its own callback', async () => {
  const changes: NetnsChange[] = []
  const own = await netns.watch((what) => {
    changes.push(what)
    own.close()
  })
  world.ip('link add name br0 up type bridge')
  await expect.poll(() => seen.length).toBeGreaterThan(1)
  await quiet()
  expect(changes).toHaveLength(1)
})

it('leaks no descriptor', async () => {
  await quiet() // what earlier tests closed
  const before = openFds()
  for (let i = 0; i < 200; i++) (await netns.watch(() => {})).close()
  await expect.poll(openFds).toBeLessThan(before + FD_NOISE)
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
      while (count < pref - 4) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    watch.close()`)
  expect(result).toMatchObject({ status: 0, stderr: '', stdout: 'uncaught thrown 1\nuncaught thrown 2\n' })
})
