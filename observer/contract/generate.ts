// SPDX-License-Identifier: Apache-2.0
// Turns the BTF of the built kernel objects into TypeScript: enumerators, struct types, and the names of
// objects, programs, maps and knobs. A renamed map is then a compile error.
// Usage: node generate.ts DIRECTORY-OF-OBJECTS OUTPUT

import { readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { argv } from 'node:process'
import { BpfObject, type LayoutType } from '#native'

type Described = ReturnType<typeof BpfObject.describe>

const SUFFIX = '.bpf.o'
const CONTRACT = `contract${SUFFIX}`

function typeText(type: LayoutType): string {
  switch (type.kind) {
    case 'int':
      return type.size > 4 ? 'bigint' : 'number'
    case 'enum':
      return 'number'
    case 'char-array':
      return 'string'
    case 'array':
      return `readonly ${typeText(type.element)}[]`
    case 'struct':
      return pascal(type.name)
  }
}

function pascal(name: string): string {
  return name.replaceAll(/(^|_)([a-z0-9])/g, (_, _separator, letter: string) => letter.toUpperCase())
}

function structText(type: Extract<LayoutType, { kind: 'struct' }>): string {
  const members = type.members
    .filter(({ name }) => !name.startsWith('pad'))
    .map(({ name, type: member }) => `  readonly ${name}: ${typeText(member)}`)
  return [`export interface ${pascal(type.name)} {`, ...members, '}'].join('\n')
}

function enumText(type: Extract<LayoutType, { kind: 'enum' }>): string {
  const values = Object.entries(type.values).map(([name, value]) => `  ${name}: ${value},`)
  return [`export const ${type.name} = {`, ...values, '} as const'].join('\n')
}

function mapText(objects: ReadonlyMap<string, Described>): string {
  const lines = new Map<string, string>()
  for (const { maps } of objects.values()) {
    for (const map of maps) {
      if (map.keyType === undefined || map.valueType === undefined) continue
      lines.set(
        map.name,
        `  ${map.name}: { key: ${typeText(map.keyType)}; value: ${typeText(map.valueType)} }`
      )
    }
  }
  return ['export interface MapTypes {', ...[...lines.values()].sort(), '}'].join('\n')
}

function objectText(objects: ReadonlyMap<string, Described>): string {
  const lines = [...objects].map(([name, { programs, maps, knobs }]) => {
    const names = {
      file: `${name}${SUFFIX}`,
      programs: programs.map((program) => program.name),
      maps: maps.filter((map) => !map.name.includes('.')).map((map) => map.name),
      knobs: knobs.map((knob) => knob.name)
    }
    return `  ${name}: ${JSON.stringify(names)},`
  })
  return ['export const objects = {', ...lines, '} as const'].join('\n')
}

const [, , directory, output] = argv
if (directory === undefined || output === undefined) throw new Error('usage: generate.ts DIRECTORY OUTPUT')

const { types } = BpfObject.describe(join(directory, CONTRACT))
const objects = new Map(
  readdirSync(directory)
    .filter((file) => file.endsWith(SUFFIX) && file !== CONTRACT)
    .sort()
    .map((file) => [basename(file, SUFFIX), BpfObject.describe(join(directory, file))])
)
const declared = Object.values(types).filter((type) => !('name' in type) || type.name !== 'contract')
const text = [
  '// Generated from the BTF of the kernel objects; do not edit.',
  ...declared.filter((type) => type.kind === 'enum').map(enumText),
  ...declared.filter((type) => type.kind === 'struct').map(structText),
  mapText(objects),
  objectText(objects)
]
writeFileSync(output, `${text.join('\n\n')}\n`)
