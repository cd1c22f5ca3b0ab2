// SPDX-License-Identifier: Apache-2.0

import { verdict as kernelVerdict } from '#contract'
import type { Verdict } from '../pods/state.ts'

const BY_NAME = {
  pass: kernelVerdict.VERDICT_PASS,
  unknown: kernelVerdict.VERDICT_UNKNOWN,
  held: kernelVerdict.VERDICT_HELD,
  steer: kernelVerdict.VERDICT_STEER,
  observe: kernelVerdict.VERDICT_OBSERVE
} as const satisfies Record<Exclude<Verdict, 'none'>, number>

export function verdictNumber(verdict: Exclude<Verdict, 'none'>): number {
  return BY_NAME[verdict]
}

/** `none` for a number that no verdict has. */
export function verdictName(value: number): Verdict {
  const entry = Object.entries(BY_NAME).find(([, number]) => number === value)
  return entry === undefined ? 'none' : (entry[0] as Verdict)
}
