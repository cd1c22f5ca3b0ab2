// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Listener, Netns, type SparedSockets } from '../lib/netns.ts'
import { compile, compilePreload, FAMILIES, library, runProgram, type World } from './netns-world.ts'
import { ADDRESSES, Endpoint, wired } from './sockdiag-endpoint.ts'

const PLAIN = 7001
const TRANSPARENT = 7002
const OURS = { mark: 0x51c, mask: 0xfff }
const LOOPBACK = { ipv4: '127.0.0.1', ipv6: '::1' } as const

let directory: string
let program: string
let worlds: { target: World; peer: World }
let target: Endpoint
let peer: Endpoint
let netns: Netns

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sockdiag-'))
  program = compile('sockdiag-endpoint', directory)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

beforeEach(async () => {
  worlds = wired()
  target = new Endpoint(program, worlds.target)
  peer = new Endpoint(program, worlds.peer)
  netns = Netns.open(worlds.target.path)
  for (const endpoint of [target, peer]) {
    await endpoint.ask(`listen ${PLAIN} 0 plain`)
    await endpoint.ask(`listen ${TRANSPARENT} 0x51c transparent`)
  }
})

afterEach(() => {
  for (const endpoint of [target, peer]) endpoint.close()
  for (const world of [worlds.target, worlds.peer]) world.dispose()
  netns.close()
})

const destroy = async (except: readonly SparedSockets[]): Promise<number> =>
  (await netns.run([{ op: 'destroy-sockets', except }]))[0]

describe.each(FAMILIES)('destroy-sockets, %s', (family) => {
  const own = ADDRESSES.target[family]
  const foreign = ADDRESSES.peer[family]

  it('resets what was dialled and what was accepted, at both ends', async () => {
    await target.connect(foreign, PLAIN)
    await peer.connect(own, PLAIN)
    await target.accept(PLAIN)
    await peer.accept(PLAIN)
    expect(await target.states()).toEqual(['EAGAIN', 'EAGAIN'])
    expect(await destroy([])).toBe(2)
    expect(await target.states()).toEqual(['ECONNABORTED', 'ECONNABORTED'])
    expect(await peer.states()).toEqual(['ECONNRESET', 'ECONNRESET'])
    expect(await destroy([])).toBe(0)
  })

  it('spares exceptions by mark and mask, and no others', async () => {
    for (const mark of [0x51c, 0xa51c, 0x51d, 0]) await target.connect(foreign, PLAIN, mark)
    expect(await destroy([{ mark: 0x539, mask: 0xfff }, OURS])).toBe(2)
    expect(await target.states()).toEqual(['EAGAIN', 'EAGAIN', 'ECONNABORTED', 'ECONNABORTED'])
    expect(await destroy([])).toBe(2)
  })

  it('spares what a transparent listener accepted if it is told to', async () => {
    await peer.connect(own, TRANSPARENT)
    await target.accept(TRANSPARENT)
    expect(await destroy([{ transparent: true }])).toBe(0)
    expect(await destroy([])).toBe(1)
  })

  it.each([
    ['loopback', LOOPBACK[family]],
    ['an address of the namespace', own]
  ])('spares what the namespace says to itself: %s', async (_, address) => {
    await target.connect(address, PLAIN)
    await target.accept(PLAIN)
    expect(await destroy([])).toBe(0)
    expect(await target.states()).toEqual(['EAGAIN', 'EAGAIN'])
  })

  it('leaves listeners', async () => {
    await destroy([])
    await peer.connect(own, PLAIN)
    await target.accept(PLAIN)
    expect(await target.states()).toEqual(['EAGAIN'])
  })
})

it('destroys IPv4-mapped connections, and spares mapped loopback', async () => {
  await target.connect(`::ffff:${ADDRESSES.peer.ipv4}`, PLAIN)
  await target.connect('::ffff:127.0.0.1', PLAIN)
  expect(await destroy([])).toBe(1)
  expect(await target.states()).toEqual(['ECONNABORTED', 'EAGAIN'])
})

it('says so when the kernel cannot destroy sockets', () => {
  const shim = compilePreload('undestroyable', directory)
  const text = `import { Netns } from '${library('netns')}'
    const run = Netns.open('${worlds.target.path}').run([{ op: 'destroy-sockets', except: [] }])
    await run.then(console.log, ({ code, message }) => console.log(code, message))`
  expect(runProgram(text, ['env', `LD_PRELOAD=${shim}`]).stdout).toBe(
    'SLUICE_NATIVE_ENETNS_UNSUPPORTED destroy-sockets: Operation not supported (EOPNOTSUPP): the kernel has no ' +
      'SOCK_DESTROY (CONFIG_INET_DIAG_DESTROY)\n'
  )
  expect(runProgram(text).stdout).toBe('[ 0 ]\n')
})

it('lists the listeners on the ports that are asked for', async () => {
  const listeners = async (...ports: number[]): Promise<Listener[]> =>
    (await netns.run([{ op: 'listeners', ports }]))[0]
  const inode = expect.any(Number)
  const plain = { port: PLAIN, transparent: false, mark: 0, inode }
  const transparent = { port: TRANSPARENT, transparent: true, mark: 0x51c, inode }
  expect(await listeners(PLAIN, 7003)).toEqual([plain])
  expect((await listeners(PLAIN, TRANSPARENT)).toSorted((a, b) => a.port - b.port)).toEqual([
    plain,
    transparent
  ])
  await target.connect('127.0.0.1', PLAIN)
  expect(await listeners(PLAIN)).toEqual([plain])
  expect(await listeners()).toEqual([])
})

it.each([
  [{ op: 'destroy-sockets' }, 'expected an array for except but received undefined'],
  [{ op: 'destroy-sockets', except: [1] }, 'expected an object for except[0] but received 1'],
  [{ op: 'destroy-sockets', except: [{ mark: 1 }] }, 'for mask but received undefined'],
  [
    { op: 'destroy-sockets', except: [{ transparent: 1 }] },
    'expected a boolean for transparent but received 1'
  ],
  [{ op: 'listeners' }, 'expected an array for ports but received undefined'],
  [{ op: 'listeners', ports: [65536] }, 'for ports[0] but received 65536']
])('refuses %j', async (operation, message) => {
  const run = netns.run([operation as never])
  await expect(run).rejects.toMatchObject({ code: 'SLUICE_NATIVE_EINVALID_ARGUMENT' })
  await expect(run).rejects.toThrow(message)
})
