// SPDX-License-Identifier: Apache-2.0
// The schema as a flat list: what a setting is called in the file, the environment and on the command line.

import * as z from 'zod'
import { notes } from './fields.ts'
import { schema } from './schema.ts'

export type SettingKind = 'boolean' | 'number' | 'list' | 'text'

export interface Setting {
  /** Path in the file, with dots: `manifest.directory`. */
  readonly key: string
  /** `SLUICE_MANIFEST__DIRECTORY` */
  readonly variable: string
  /** `--manifest.directory` */
  readonly flag: string
  readonly kind: SettingKind
  readonly description: string
  readonly accepted: string
  /** As the file would hold it; undefined: unset. */
  readonly fallback: unknown
  readonly hex: boolean
}

export const ENVIRONMENT_PREFIX = 'SLUICE_'

const words = (camel: string, separator: string) =>
  camel.replaceAll(/[A-Z]/g, (letter) => separator + letter.toLowerCase())

const variableOf = (key: string) =>
  ENVIRONMENT_PREFIX +
  key
    .split('.')
    .map((part) => words(part, '_').toUpperCase())
    .join('__')

function unwrapped(type: z.core.$ZodType): { type: z.core.$ZodType; fallback: unknown } {
  if (type instanceof z.ZodPrefault) {
    return { type: unwrapped(type.def.innerType).type, fallback: type.def.defaultValue }
  }
  if (type instanceof z.ZodOptional) return { type: unwrapped(type.def.innerType).type, fallback: undefined }
  return { type, fallback: undefined }
}

function kindOf(type: z.core.$ZodType): SettingKind {
  if (type instanceof z.ZodBoolean) return 'boolean'
  if (type instanceof z.ZodNumber) return 'number'
  return type instanceof z.ZodArray ? 'list' : 'text'
}

function settingsOf(object: z.ZodObject, prefix: string): Setting[] {
  return Object.entries(object.shape).flatMap(([name, wrapped]) => {
    const key = prefix + name
    const { type, fallback } = unwrapped(wrapped)
    if (type instanceof z.ZodObject) return settingsOf(type, `${key}.`)
    const about = notes.get(wrapped)
    if (about === undefined) throw new TypeError(`setting ${key} has no description`)
    const { description, accepted, hex = false } = about
    const names = { key, variable: variableOf(key), flag: `--${words(key, '-')}` }
    return [{ ...names, kind: kindOf(type), description, accepted, fallback, hex }]
  })
}

export const SETTINGS: readonly Setting[] = settingsOf(schema, '')

export function settingOf(key: string): Setting | undefined {
  return SETTINGS.find((setting) => setting.key === key)
}

/** A value as the documentation and the messages write it. */
export function shown(value: unknown, hex = false): string {
  if (hex && typeof value === 'number') return `0x${value.toString(16)}`
  return typeof value === 'string' ? value : JSON.stringify(value)
}
