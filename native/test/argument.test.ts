// SPDX-License-Identifier: Apache-2.0
import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Link } from '../lib/link.ts'
import { BpfMap } from '../lib/map.ts'
import { BpfObject } from '../lib/object.ts'
import { RingBuffer } from '../lib/ringbuffer.ts'
import { closing, failure, programPath, temporaryCgroup } from './fixture.ts'

/** Values of every type; each case below leaves out those that are right. */
const WRONG: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['boolean', true],
  ['number', -1.5],
  ['string', ''],
  ['bigint', -1n],
  ['symbol', Symbol('x')],
  ['function', () => {}],
  ['array', [Symbol('y')]],
  ['object', { x: 1 }]
]

interface Handles {
  object: BpfObject
  program: ReturnType<BpfObject['program']>
  map: BpfMap
  array: BpfMap
  link: Link
  ring: BpfMap
}

function open(): Handles {
  const object = closing(BpfObject.load(programPath('hooks'), { programs: ['connect4'] }))
  const maps = closing(BpfObject.load(programPath('maps')))
  const program = object.program('connect4')
  const link = closing(program.attachCgroup(temporaryCgroup()))
  const ring = closing(BpfObject.load(programPath('rings'))).map('ring')
  return { object, program, link, ring, map: maps.map('small'), array: maps.map('array') }
}

/** What is called with the wrong value, and which types are right there. */
type Case = [string, (handles: Handles, value: never) => unknown, string[]]

const CASES: Case[] = [
  ['BpfObject.load path', (_, value) => BpfObject.load(value), []],
  ['BpfObject.describe path', (_, value) => BpfObject.describe(value), []],
  ['BpfObject.load knobs', (_, knobs) => BpfObject.load(programPath('maps'), { knobs }), ['undefined']],
  ['a knob', (_, answer) => BpfObject.load(programPath('maps'), { knobs: { answer } }), []],
  ['a size', (_, small) => BpfObject.load(programPath('maps'), { maxEntries: { small } }), []],
  ['a reused map', (_, small) => BpfObject.load(programPath('maps'), { maps: { small } }), []],
  ['programs', (_, programs) => BpfObject.load(programPath('maps'), { programs }), ['undefined']],
  ['pinMapsIn', (_, pinMapsIn) => BpfObject.load(programPath('maps'), { pinMapsIn }), ['undefined']],
  ['object.program', ({ object }, value) => object.program(value), []],
  ['object.map', ({ object }, value) => object.map(value), []],
  ['object.layout', ({ object }, value) => object.layout(value), []],
  ['attachCgroup', ({ program }, value) => program.attachCgroup(value), []],
  ['attachNetns', ({ program }, value) => program.attachNetns(value), []],
  ['instance knobs', ({ program }, value) => program.instance(value), []],
  ['testRun', ({ program }, value) => program.testRun(value), ['object']],
  ['testRun data', ({ program }, data) => program.testRun({ data }), ['undefined']],
  ['testRun ctx', ({ program }, ctx) => program.testRun({ ctx }), ['undefined']],
  ['testRun repeat', ({ program }, repeat) => program.testRun({ repeat }), ['undefined', 'null']],
  ['Link.openPinned', (_, value) => Link.openPinned(value), []],
  ['link.pin', ({ link }, value) => link.pin(value), []],
  ['link.update', ({ link }, value) => link.update(value), []],
  ['BpfMap.openPinned', (_, value) => BpfMap.openPinned(value), []],
  ['map.get', ({ map }, value) => map.get(value), []],
  ['map.set key', ({ map }, value) => map.set(value, 1n), []],
  ['map.set value', ({ map }, value) => map.set(1, value), []],
  ['map.set struct', ({ array }, value) => array.set(1, value), []],
  ['map.set flag', ({ map }, value) => map.set(1, 1n, value), ['undefined']],
  ['map.setFd', ({ map }, value) => map.setFd(1, value), []],
  ['map.delete', ({ map }, value) => map.delete(value), []],
  ['map.deleteBatch', ({ map }, value) => map.deleteBatch(value), []],
  ['map.setBatch', ({ map }, value) => map.setBatch(value), []],
  ['map.pin', ({ map }, value) => map.pin(value), []],
  ['RingBuffer map', (_, value) => new RingBuffer(value, () => {}), []],
  ['RingBuffer callback', ({ ring }, value) => new RingBuffer(ring, value), ['function']],
  ['RingBuffer options', ({ ring }, value) => new RingBuffer(ring, () => {}, value), ['undefined', 'object']],
  [
    'coalesceMs',
    ({ ring }, coalesceMs) => new RingBuffer(ring, () => {}, { coalesceMs }),
    ['undefined', 'null']
  ],
  ['maxBatch', ({ ring }, maxBatch) => new RingBuffer(ring, () => {}, { maxBatch }), ['undefined', 'null']]
]

describe.each(CASES)('%s', (_, call, right) => {
  it('refuses every wrong type, and says what came instead', () => {
    const handles = open()
    for (const [type, value] of WRONG.filter(([name]) => !right.includes(name))) {
      const { message } = failure(() => call(handles, value as never), 'EINVALID_ARGUMENT')
      expect(message, type).toMatch(/^expected .+ for .+ but received .+ of type \w+$/)
    }
  })
})

describe('the addon itself', () => {
  const addon = createRequire(import.meta.url)('../../build/sluice.node') as Record<
    string,
    (...args: unknown[]) => unknown
  >
  const garbage = fc.oneof(
    fc.constantFrom(...WRONG.map(([, value]) => value)),
    fc.double(),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 32 }),
    fc.constant(new Proxy({}, {})),
    fc.constant(Object.create(null))
  )

  it.each(Object.keys(addon))('%s survives any arguments', (name) => {
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 5 }), (args) => {
        let thrown: unknown
        try {
          addon[name]?.(...args)
        } catch (error) {
          thrown = error
        }
        expect(thrown).toMatchObject({
          code: expect.stringMatching(/^SLUICE_NATIVE_E/),
          message: expect.any(String)
        })
      }),
      { numRuns: 200 }
    )
  })

  it('does not take one kind of handle for another', () => {
    const object = addon.openObject?.(programPath('maps'))
    expect(() => addon.closeMap?.(object)).toThrow()
    try {
      addon.closeMap?.(object)
    } catch (error) {
      expect(error).toMatchObject({
        code: 'SLUICE_NATIVE_EINVALID_ARGUMENT',
        message: expect.stringContaining('map')
      })
    }
    addon.closeObject?.(object)
  })
})
