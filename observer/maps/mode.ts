// SPDX-License-Identifier: Apache-2.0
// What the hooks may do. Agent and operator have an element of the map each, so that neither undoes the other's.

import { mode as kernelMode, mode_writer } from '#contract'
import type { Config } from '../config/schema.ts'
import type { KernelMaps } from './kernel-maps.ts'

export type Mode = Config['mode']

const BY_NAME = {
  enforce: kernelMode.MODE_ENFORCE,
  observe: kernelMode.MODE_OBSERVE
} as const satisfies Record<Mode, number>

type ModeMap = Pick<KernelMaps['mode'], 'get' | 'set'>

/** The agent's word. */
export function declareMode(map: ModeMap, mode: Mode): void {
  map.set(mode_writer.MODE_OF_AGENT, BY_NAME[mode])
}

export function isDeclared(map: ModeMap, mode: Mode): boolean {
  return map.get(mode_writer.MODE_OF_AGENT) === BY_NAME[mode]
}

export function declaredMode(map: ModeMap): Mode {
  return map.get(mode_writer.MODE_OF_AGENT) === kernelMode.MODE_OBSERVE ? 'observe' : 'enforce'
}

/** The operator's word: it outlives agents. */
export function setPaused(map: ModeMap, paused: boolean): void {
  map.set(mode_writer.MODE_OF_OPERATOR, paused ? kernelMode.MODE_PAUSED : kernelMode.MODE_ENFORCE)
}

export function isPaused(map: ModeMap): boolean {
  return map.get(mode_writer.MODE_OF_OPERATOR) === kernelMode.MODE_PAUSED
}
