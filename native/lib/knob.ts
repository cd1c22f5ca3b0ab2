// SPDX-License-Identifier: Apache-2.0
import { requireRecord } from './argument.ts'
import { invalidArgument } from './error.ts'
import { Layout, type LayoutType } from './layout.ts'

/** A `const volatile` global of an object; `offset` in its .rodata section. */
export interface Knob {
  section: string
  name: string
  offset: number
  size: number
  type: LayoutType
}

export type KnobValues = Record<string, number | bigint>

/** The bytes to write for each named knob; throws EINVALID_ARGUMENT on an unknown name or a value out of range. */
export function encodeKnobs(knobs: readonly Knob[], values: KnobValues): (Knob & { bytes: Uint8Array })[] {
  requireRecord(values, 'knobs')
  return Object.entries(values).map(([name, value]) => {
    const knob = knobs.find((candidate) => candidate.name === name)
    if (knob === undefined) {
      throw invalidArgument(
        `one of ${knobs.map((known) => known.name).join(', ') || 'no knobs'}`,
        'knobs',
        name
      )
    }
    if (knob.type.kind !== 'int' && knob.type.kind !== 'enum') {
      throw invalidArgument('an integer variable', `knob ${name}`, knob.type.kind)
    }
    return { ...knob, bytes: new Layout({ ...knob.type, name: `knob ${name}` }).encode(value) }
  })
}
