// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest'
import { counter, type Refusal, refusal_limits, ztunnel_port } from '#contract'
import { type Program, RingBuffer } from '#native'
import { addressOf, NO_ADDRESS } from '../../observer/maps/address.ts'
import type { KernelMaps } from '../../observer/maps/kernel-maps.ts'
import { closing, counted, kernelObject } from './built.ts'

const NETNS = 7_001n
const OTHER = 7_002n
const PEER_PORT = 40_000
const { REFUSALS_TOLD, DROPS_TOLD } = refusal_limits

const PEER = 0x0a_09_00_02

/** struct bpf_sk_lookup of a SYN to 10.9.0.1. */
function syn(port: number, peer: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(72))
  view.setUint32(8, 2, true)
  view.setUint32(12, 6, true)
  view.setUint32(16, peer)
  view.setUint16(36, PEER_PORT)
  view.setUint32(40, 0x0a_09_00_01)
  view.setUint32(60, port, true)
  return new Uint8Array(view.buffer)
}

/** Without a pod's entry the lookup drops everything. */
function refusing() {
  const object = kernelObject('lookup', { knobs: { lookup_netns: NETNS } })
  const layout = object.layout('refusal')
  const told: Refusal[] = []
  const ring = closing(
    new RingBuffer(object.map('refusals'), (records) => {
      told.push(...records.map((record) => layout.decode(record) as Refusal))
    })
  )
  const program = object.program('lookup')
  const other = closing(program.instance({ lookup_netns: OTHER }))
  const refuse = (times: number, by: Program = program, peer = PEER) => {
    for (let i = 0; i < times; i++) by.testRun({ ctx: syn(ztunnel_port.ZTUNNEL_INBOUND, peer) })
    ring.flush()
    return told.filter(({ netns }) => netns === (by === other ? OTHER : NETNS))
  }
  const counters = object.map('counter') as KernelMaps['counter']
  return { refuse, program, other, count: () => counted(counters, counter.COUNT_DROPPED_NO_POD) }
}

it('a refusal is told with both ends and the reason', () => {
  const { refuse } = refusing()
  const [first] = refuse(1)
  expect(first).toMatchObject({
    netns: NETNS,
    cgroup: 0n,
    reason: counter.COUNT_DROPPED_NO_POD,
    peer: addressOf('10.9.0.2'),
    peer_port: PEER_PORT,
    dialled: addressOf('10.9.0.1'),
    dialled_port: ztunnel_port.ZTUNNEL_INBOUND,
    pid: 0,
    command: ''
  })
  expect(first?.dialled).not.toEqual(NO_ADDRESS)
})

it('a pod that is refused again and again is told of a few times a second, and hides nobody else', async () => {
  const { refuse, other, count } = refusing()
  // More than a second's worth could fall into two seconds.
  const told = refuse(1_000).length
  expect(told).toBeGreaterThanOrEqual(REFUSALS_TOLD)
  expect(told).toBeLessThan(100)
  expect(refuse(1, other)).toHaveLength(1)
  expect(count()).toBe(1_001)
  await expect.poll(() => refuse(1).length).toBeGreaterThan(told)
})

it('a peer that is refused again and again hides no other of the same pod', () => {
  const { refuse, program } = refusing()
  refuse(1_000)
  const told = refuse(1, program, PEER + 1).filter(
    ({ peer }) => peer.word[3] !== addressOf('10.9.0.2').word[3]
  )
  expect(told.map(({ peer }) => peer)).toEqual([addressOf('10.9.0.3')])
})

it('peers without number are told of a hundred times a second', () => {
  const { refuse, program, count } = refusing()
  const many = 20 * DROPS_TOLD
  for (let peer = 1; peer < many; peer++) refuse(1, program, PEER + peer)
  const told = refuse(1, program, PEER + many).length
  expect(told).toBeGreaterThanOrEqual(DROPS_TOLD)
  // More than a second's worth could fall into two seconds.
  expect(told).toBeLessThan(many / 2)
  expect(count()).toBe(many)
})
