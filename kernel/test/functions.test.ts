// SPDX-License-Identifier: Apache-2.0
import { hrtime } from 'node:process'
import { describe, expect, it } from 'vitest'
import type { Addr } from '#contract'
import { addressOf, NO_ADDRESS } from '../../observer/maps/address.ts'
import { testObject } from './built.ts'

interface AddressCase {
  a: Addr
  b: Addr
  v4: number
  unspecified: number
  loopback: number
  link_local: number
  equal: number
}

function run<T extends object>(object: string, program: string, layout: string, input: T): T {
  const loaded = testObject(object)
  const { data } = loaded.program(program).testRun({ ctx: loaded.layout(layout).encode(input) })
  return loaded.layout(layout).decode(data) as T
}

function classify(a: Addr, b: Addr): AddressCase {
  const blank = { v4: 9, unspecified: 9, loopback: 9, link_local: 9, equal: 9 }
  return run('address', 'classify', 'address_case', { a, b, ...blank })
}

type Class = 'v4' | 'unspecified' | 'loopback' | 'link_local'

describe('an address', () => {
  it.each<[string, Class[]]>([
    ['10.0.0.1', ['v4']],
    ['126.255.255.255', ['v4']],
    ['127.0.0.0', ['v4', 'loopback']],
    ['127.0.0.1', ['v4', 'loopback']],
    ['127.255.255.255', ['v4', 'loopback']],
    ['128.0.0.0', ['v4']],
    ['::ffff:127.0.0.1', ['v4', 'loopback']],
    ['0.0.0.0', ['v4', 'unspecified']],
    ['::ffff:0.0.0.0', ['v4', 'unspecified']],
    ['0.0.0.1', ['v4']],
    ['255.255.255.255', ['v4']],
    ['169.254.1.1', ['v4']],
    ['::', ['unspecified']],
    ['::1', ['loopback']],
    ['::2', []],
    ['::1:0:1', []],
    ['1::1', []],
    ['0:0:1::1', []],
    ['::127.0.0.1', []],
    ['::fffe:127.0.0.1', []],
    ['1::ffff:127.0.0.1', []],
    ['fe7f::1', []],
    ['fe80::', ['link_local']],
    ['fe80::1', ['link_local']],
    ['febf:ffff::1', ['link_local']],
    ['fec0::1', []],
    ['fd00::1', []],
    ['2001:db8::1', []]
  ])('%s is %j', (text, classes) => {
    const { v4, unspecified, loopback, link_local } = classify(addressOf(text), NO_ADDRESS)
    const found = Object.entries({ v4, unspecified, loopback, link_local }).filter(([, is]) => is !== 0)
    expect(found.map(([name]) => name)).toEqual(classes)
  })

  it.each([
    ['10.0.0.1', '10.0.0.1', 1],
    ['10.0.0.1', '::ffff:10.0.0.1', 1],
    ['10.0.0.1', '::10.0.0.1', 0],
    ['fd00::1', 'fd00::1', 1],
    ['fd00::1', 'fd01::1', 0],
    ['fd00::1', 'fd00:0:1::1', 0],
    ['fd00::1', 'fd00::1:0:0:1', 0],
    ['fd00::1', 'fd00::1:0:1', 0],
    ['fd00::1', 'fd00::2', 0]
  ])('%s compared with %s', (a, b, equal) => {
    expect(classify(addressOf(a), addressOf(b)).equal).toBe(equal)
  })
})

describe("a cgroup's name", () => {
  const uid = '5155cf14-8bc2-4527-abe0-812f58d895f1'
  const slice = uid.replaceAll('-', '_')

  it.each<[string, boolean, number]>([
    [`pod${uid}`, true, -1],
    [`kubepods-pod${slice}.slice`, true, 0],
    [`kubepods-burstable-pod${slice}.slice`, true, 0],
    [`kubelet-kubepods-besteffort-pod${slice}.slice`, true, 8],
    ['pod', true, -1],
    ['kubepods', false, 0],
    ['kubepods.slice', false, 0],
    ['kubelet-kubepods.slice', false, 8],
    ['kubepods-burstable.slice', false, 0],
    ['burstable', false, -1],
    ['besteffort', false, -1],
    ['podman', true, -1],
    ['tripod', false, -1],
    ['po', false, -1],
    ['', false, -1],
    ['kubepod', false, -1],
    [`${'x'.repeat(118)}kubepods`, false, 118],
    [`${'x'.repeat(122)}-pod`, true, -1],
    ['x'.repeat(127), false, -1]
  ])('%j names a pod: %s', (name, pod, kubepods) => {
    const result = run('names', 'parse', 'name_case', { name, pod: 9, kubepods: 9 })
    expect(result).toEqual({ name, pod: pod ? 1 : 0, kubepods })
  })
})

describe('a pod that nobody has judged', () => {
  const SECOND = 1_000_000_000n

  it.each<[string, bigint, number, number]>([
    ['is held', 0n, 0, 1],
    ['is held by an agent that was heard 20 s ago', -20n, 0, 1],
    ['is held by one that is heard while the hook looks', 20n, 0, 1],
    ['passes when the agent was heard 40 s ago', -40n, 0, 0],
    ['is held then, too, in strict mode', -40n, 1, 1]
  ])('%s', (_, heard, strict, holds) => {
    const loaded = testObject('heartbeat')
    loaded.map<number, bigint>('heartbeat').set(0, hrtime.bigint() + heard * SECOND)
    const layout = loaded.layout('heartbeat_case')
    const { data } = loaded.program('judge').testRun({ ctx: layout.encode({ strict, holds: 9 }) })
    expect(layout.decode(data)).toEqual({ strict, holds })
  })
})
