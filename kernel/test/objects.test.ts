// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { verdict } from '#contract'
import { BpfObject, type LayoutType } from '#native'
import { KERNEL, kernelObject, OBJECTS } from './built.ts'

const LARGEST = { 1: 0xffn, 2: 0xffffn, 4: 0xffff_ffffn, 8: 0xffff_ffff_ffff_ffffn } as const

function describeObject(name: string) {
  return BpfObject.describe(join(KERNEL, `${name}.bpf.o`))
}

function sizeOf(type: LayoutType): number {
  switch (type.kind) {
    case 'array':
      return type.length * sizeOf(type.element)
    case 'char-array':
      return type.length
    default:
      return type.size
  }
}

it('there are objects to test', () => {
  expect(OBJECTS).toEqual(expect.arrayContaining(['connect', 'guard', 'lookup', 'observe', 'ztunnel']))
})

describe.each(OBJECTS)('%s', (name) => {
  it('passes the verifier', () => {
    const { programs } = describeObject(name)
    const object = kernelObject(name)
    expect(object.programNames).toEqual(programs.map((program) => program.name))
    for (const program of programs) expect(object.program(program.name).id).toBeGreaterThan(0)
  })

  it('passes the verifier with every knob at its largest and at its smallest', () => {
    const { knobs } = describeObject(name)
    for (const extreme of ['largest', 'smallest'] as const) {
      const values = knobs.map((knob) => {
        const size = sizeOf(knob.type) as keyof typeof LARGEST
        return [knob.name, extreme === 'largest' ? LARGEST[size] : 0n] as const
      })
      expect(() => kernelObject(name, { knobs: Object.fromEntries(values) })).not.toThrow()
    }
  })

  it('has maps with names that the kernel does not cut', () => {
    for (const map of describeObject(name).maps) expect(map.name.length).toBeLessThanOrEqual(15)
  })
})

describe('the contract', () => {
  const structs = Object.values(describeObject('contract').types).flatMap((type) =>
    type.kind === 'struct' && type.name !== 'contract' ? [type] : []
  )

  it.each(structs.map((struct) => [struct.name, struct] as const))('struct %s has no hole', (_, struct) => {
    let end = 0
    for (const { name, offset, type } of struct.members) {
      expect(offset, name).toBe(end)
      end = offset + sizeOf(type)
    }
    expect(struct.size).toBe(end)
  })

  it('numbers the verdicts so that what is in the mesh is above the rest', () => {
    const { VERDICT_OBSERVE, ...enforced } = verdict
    expect(enforced).toEqual({ VERDICT_PASS: 1, VERDICT_UNKNOWN: 2, VERDICT_HELD: 3, VERDICT_STEER: 4 })
    expect(VERDICT_OBSERVE).toBe(5)
  })
})
