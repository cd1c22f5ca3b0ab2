// SPDX-License-Identifier: Apache-2.0
// The places that a setting can come from, each turned into values in the shape of the file.

import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import { causeText } from '../errors/error.ts'
import type { ConfigProblem } from './problem.ts'
import { ENVIRONMENT_PREFIX, SETTINGS, type Setting } from './settings.ts'

/** Values by path (`manifest.directory`), with the place that a message names. */
export interface Layer {
  readonly values: ReadonlyMap<string, { readonly value: unknown; readonly origin: string }>
  readonly problems: readonly ConfigProblem[]
}

export interface ConfigFile {
  /** For messages. */
  readonly path: string
  readonly text: string
}

/** Names the configuration file, so it is not a setting of the schema. */
export const FILE_VARIABLE = 'SLUICE_CONFIG'

/** Kubernetes gives these to every pod beside a Service called sluice or sluice-*. */
const SERVICE_LINK = /^SLUICE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?)$/

/** Text that the schema would refuse stays as it is, so that the schema's message shows it. */
function fromText(setting: Setting, text: string): unknown {
  switch (setting.kind) {
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'number':
      return /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : text
    case 'list':
      return text.trim() === '' ? [] : text.split(',').map((item) => item.trim())
    case 'text':
      return text
  }
}

export function environmentLayer(env: Readonly<Record<string, string | undefined>>): Layer {
  const values = new Map<string, { value: unknown; origin: string }>()
  const problems: ConfigProblem[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined || name === FILE_VARIABLE) continue
    const setting = SETTINGS.find((candidate) => candidate.variable === name)
    const origin = `environment variable ${name}`
    if (setting !== undefined) values.set(setting.key, { value: fromText(setting, text), origin })
    else if (!SERVICE_LINK.test(name))
      problems.push({ key: name, origin, message: 'no setting has this name' })
  }
  return { values, problems }
}

/** @param flags by key of the setting; true is a flag without a value */
export function flagLayer(flags: Readonly<Record<string, string | boolean | undefined>>): Layer {
  const values = new Map<string, { value: unknown; origin: string }>()
  const problems: ConfigProblem[] = []
  for (const [key, given] of Object.entries(flags)) {
    if (given === undefined) continue
    const setting = SETTINGS.find((candidate) => candidate.key === key)
    if (setting === undefined) {
      problems.push({ key, origin: 'flag', message: 'no setting has this name' })
    } else {
      const value = typeof given === 'string' ? fromText(setting, given) : given
      values.set(key, { value, origin: `flag ${setting.flag}` })
    }
  }
  return { values, problems }
}

/** Unknown keys are kept: the schema refuses them, with the line. */
export function fileLayer(file: ConfigFile): Layer {
  const lines = new LineCounter()
  const document = parseDocument(file.text, { lineCounter: lines, prettyErrors: false })
  const at = (offset: number) => `${file.path}:${lines.linePos(offset).line}`
  const [fault] = document.errors
  if (fault !== undefined) {
    return { values: new Map(), problems: [{ key: '', origin: at(fault.pos[0]), message: fault.message }] }
  }
  const values = new Map<string, { value: unknown; origin: string }>()
  const problems: ConfigProblem[] = []
  const { contents } = document
  const empty = contents === null || (isScalar(contents) && contents.value === null)
  if (!isMap(contents) && !empty) {
    return { values, problems: [{ key: '', origin: at(0), message: 'expected a mapping of settings' }] }
  }
  const groups = new Set(
    SETTINGS.map(({ key }) => key.split('.')).flatMap(([first, rest]) => (rest ? [first] : []))
  )
  const visit = (map: unknown, prefix: string): void => {
    if (!isMap(map)) return
    for (const { key, value } of map.items) {
      const name = prefix + String(isScalar(key) ? key.value : key)
      const offset = (isScalar(key) ? key.range?.[0] : undefined) ?? 0
      if (groups.has(name) && isMap(value)) visit(value, `${name}.`)
      else read(name, value, at(offset))
    }
  }
  const read = (name: string, value: unknown, origin: string): void => {
    try {
      values.set(name, { value: isNode(value) ? value.toJS(document) : null, origin })
    } catch (cause) {
      // An alias without an anchor, or a bomb of them.
      problems.push({ key: name, origin, message: causeText(cause) })
    }
  }
  visit(contents, '')
  return { values, problems }
}
