// SPDX-License-Identifier: Apache-2.0
// Listener lookups that are loaded before anybody knows whose they will be.

import { join } from 'node:path'
import { expect, it } from 'vitest'
import { counter, type Refusal, ztunnel_port } from '#contract'
import { BpfObject, RingBuffer } from '#native'
import type { KernelMaps } from '../../observer/maps/kernel-maps.ts'
import { closing, counted, KERNEL, kernelObject } from './built.ts'

const FIRST = 7_101n
const LATER = [7_102n, 7_103n]

/** struct bpf_sk_lookup of a SYN to ztunnel's port: without a pod's entry it is dropped. */
function syn(): Uint8Array {
  const view = new DataView(new ArrayBuffer(72))
  view.setUint32(8, 2, true)
  view.setUint32(12, 6, true)
  view.setUint32(16, 0x0a_09_00_02)
  view.setUint32(40, 0x0a_09_00_01)
  view.setUint32(60, ztunnel_port.ZTUNNEL_INBOUND, true)
  return new Uint8Array(view.buffer)
}

it('each serves the namespace that it was told of, with the maps of all', async () => {
  const object = kernelObject('lookup', { knobs: { lookup_netns: FIRST } })
  const layout = object.layout('refusal')
  const told: bigint[] = []
  const ring = closing(
    new RingBuffer(object.map('refusals'), (records) => {
      told.push(...records.map((record) => (layout.decode(record) as Refusal).netns))
    })
  )
  const program = object.program('lookup')
  const spares = await Promise.all(LATER.map(() => program.blankAsync(['lookup_netns'])))
  for (const [index, spare] of spares.entries())
    closing(spare.fill({ lookup_netns: LATER[index] ?? 0n })).testRun({ ctx: syn() })
  ring.flush()
  expect(told).toEqual(LATER)
  const counters = object.map('counter') as KernelMaps['counter']
  expect(counted(counters, counter.COUNT_DROPPED_NO_POD)).toBe(LATER.length)
})

it('lack the namespace alone: to the verifier every other constant is one', () => {
  const { knobs } = BpfObject.describe(join(KERNEL, 'lookup.bpf.o'))
  const section = knobs.find(({ name }) => name === 'lookup_netns')?.section
  expect(section).toBeDefined()
  expect(knobs.filter((knob) => knob.section === section)).toHaveLength(1)
})
