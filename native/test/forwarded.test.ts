// SPDX-License-Identifier: Apache-2.0
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Netns } from '../lib/netns.ts'
import { FAMILIES, netns, SOURCE, useWorld, World, world } from './netns-world.ts'

const ROUTES = [
  {
    family: 'ipv4',
    flag: '-4',
    router: '10.78.0.1/24',
    client: '10.78.0.2/24',
    beyond: '10.79.0.9',
    enable: 'net.ipv4.ip_forward'
  },
  {
    family: 'ipv6',
    flag: '-6',
    router: 'fd78::1/64',
    client: 'fd78::2/64',
    beyond: 'fd79::9',
    enable: 'net.ipv6.conf.all.forwarding'
  }
] as const

useWorld()

let client: World

/** The world is between a client and what lies beyond. */
beforeEach(() => {
  client = new World()
  world.ip('link add name near type veth peer name far')
  world.ip(`link set far netns ${client.name}`)
  world.ip('link add name out type veth peer name nobody')
  for (const link of ['near', 'out', 'nobody']) world.ip(`link set ${link} up`)
  client.ip('link set far up')
  for (const { flag, router, client: address, beyond } of ROUTES) {
    const nodad = flag === '-6' ? ' nodad' : ''
    world.ip(`${flag} addr add ${router} dev near${nodad}`)
    client.ip(`${flag} addr add ${address} dev far${nodad}`)
    client.ip(`${flag} route add default via ${router.split('/')[0]}`)
    world.ip(`${flag} route add ${beyond} dev out`)
  }
})

afterEach(() => client.dispose())

function send(address: string, count: number): void {
  client.exec(
    'bash',
    '-c',
    `for _ in $(seq ${count}); do echo >/dev/udp/${address}/9; done 2>/dev/null; true`
  )
}

const forwarded = async () => (await netns.run([{ op: 'forwarded' }]))[0]

it.each(ROUTES)('only what is passed on counts as forwarded: $family', async ({ family, beyond, enable }) => {
  expect(await forwarded()).toEqual({ ipv4: 0, ipv6: 0 })
  await netns.run([{ op: 'set-sysctl', name: enable, value: '0' }])
  send(beyond, 2)
  send(SOURCE[family], 2)
  await netns.run([{ op: 'set-sysctl', name: enable, value: '1' }])
  send(beyond, 3)
  const other = FAMILIES.find((each) => each !== family) ?? family
  await expect.poll(forwarded).toEqual({ [family]: 3, [other]: 0 })
})

it('another namespace has forwarded nothing', async () => {
  const [{ family, beyond, enable }] = ROUTES
  await netns.run([{ op: 'set-sysctl', name: enable, value: '1' }])
  send(beyond, 1)
  await expect.poll(async () => (await forwarded())[family]).toBe(1)
  const second = new World()
  try {
    using other = Netns.open(second.path)
    expect(await other.run([{ op: 'forwarded' }])).toEqual([{ ipv4: 0, ipv6: 0 }])
  } finally {
    second.dispose()
  }
})
