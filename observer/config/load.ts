// SPDX-License-Identifier: Apache-2.0

import type * as z from 'zod'
import type { ConfigFile, Layer } from './layers.ts'
import { environmentLayer, fileLayer, flagLayer } from './layers.ts'
import { ConfigError, type ConfigProblem } from './problem.ts'
import { type Config, schema } from './schema.ts'
import { SETTINGS, settingOf, shown } from './settings.ts'

export interface ConfigInput {
  readonly file?: ConfigFile | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
  /** By key of the setting. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>
}

/**
 * The configuration out of its layers: flags win over the environment, the environment over the file.
 *
 * @throws ConfigError with every problem found
 */
export function loadConfig({ file, env = {}, flags = {} }: ConfigInput = {}): Config {
  const layers = [...(file === undefined ? [] : [fileLayer(file)]), environmentLayer(env), flagLayer(flags)]
  const problems = layers.flatMap((layer) => layer.problems)
  const merged = new Map(layers.flatMap((layer) => [...layer.values]))
  const result = schema.safeParse(tree(merged))
  if (!result.success) problems.push(...result.error.issues.flatMap((issue) => described(issue, merged)))
  if (problems.length > 0 || !result.success) throw new ConfigError(problems)
  return frozen(result.data)
}

// Without a prototype, so that a key named __proto__ is an unknown key like others.
const bare = () => Object.create(null) as Record<string, unknown>

function tree(values: Layer['values']): Record<string, unknown> {
  const root = bare()
  for (const [key, { value }] of values) {
    const path = key.split('.')
    const last = path.pop() ?? key
    let node = root
    for (const name of path) {
      const inner = node[name]
      // A file that holds text where a group belongs: the schema says so, later layers cannot mend it.
      if (inner !== undefined && (typeof inner !== 'object' || inner === null)) break
      const next = (inner ?? bare()) as Record<string, unknown>
      node[name] = next
      node = next
    }
    node[last] = value
  }
  return root
}

function described(issue: z.core.$ZodIssue, values: Layer['values']): ConfigProblem[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((name) => {
      const key = [...path, name].join('.')
      return {
        key,
        origin: values.get(key)?.origin ?? 'file',
        message: `no setting has this name${hint(key)}`
      }
    })
  }
  // A list's issue has the index of the item at its end.
  const key =
    settingOf(path.join('.')) === undefined ? path.slice(0, -1).join('.') || path.join('.') : path.join('.')
  const setting = settingOf(key)
  const { value, origin } = values.get(key) ?? { value: setting?.fallback, origin: 'default' }
  const told = shown(value, setting?.hex)
  if (issue.code === 'custom' && typeof issue.params?.message === 'string') {
    return [{ key, origin, message: `${told} ${issue.params.message}` }]
  }
  return [{ key, origin, message: `${told} is not accepted, expected ${setting?.accepted ?? 'a mapping'}` }]
}

/** Names the setting that differs in case or separators only, or that lies in a group. */
function hint(key: string): string {
  const plain = (text: string) => text.replaceAll(/[^a-z0-9]/gi, '').toLowerCase()
  const near = SETTINGS.find((setting) => {
    const name = plain(setting.key)
    return name === plain(key) || plain(setting.key.split('.').at(-1) ?? '') === plain(key)
  })
  return near === undefined ? '' : `; did you mean ${near.key}?`
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner)
    Object.freeze(value)
  }
  return value
}
